/** What `lab-images --help` prints. */
export const USAGE = `lab-images: knows every lab image in a registry and on every Kubernetes node

Usage: lab-images COMMAND [OPTIONS]

The service:
  demo                      run the service on a simulated registry and cluster
      --grpc HOST:PORT      where gRPC listens (default: 127.0.0.1:50051)
      --http HOST:PORT      where HTTP listens (default: 127.0.0.1:8080)
  serve --config FILE       run the service
  check-config FILE         say whether a configuration can be used: status 0 or 2
      --connect             ask the registry and the cluster too, and say what is
                            missing: status 3
      --print               print it in its long form: images written out as source
                            and set
  import-nublado FILE       print the configuration of a nublado controller (as its
                            chart renders it, or Helm values) as one of ours; what
                            has no counterpart is listed on standard error
  plan --config FILE --state FILE
                            what a service with this configuration would want, show and
                            pull, with the registries and nodes of a state file
      -o, --output json     JSON instead of text

Questions to a running service:
  status                    sources, images of the prepull set, nodes
  images                    all images
  menu                      what the spawner shows
  missing [NODE]            what should be on nodes and is not
  resolve TAG | REFERENCE   one image; or --class recommended, latest, latest-release,
                            latest-weekly or latest-daily
  auth can-i PERMISSION     whether the caller may read, prepull or refresh: status 0,
                            or 1 where it may not
  watch                     follow refreshes until interrupted
      --gate NAME           the wait gate to use (default: watch)
  refresh                   refresh now, and wait until that is done
      --address HOST:PORT   where the service is (default: 127.0.0.1:50051)
      --json                JSON instead of a table, which is for terminals
      --tls                 use TLS, and trust the system's authorities
      --ca FILE             use TLS, and trust these authorities (PEM)
      --cert FILE --key FILE  show this certificate (PEM)
      --token-file FILE     send the token in this file, as a pod has it

  --help, --version         anywhere
`;
