/** Of the service and of its prober: peers have machines of their own where this runs for real. */
export const SERVICE_PRIORITY = -10;
