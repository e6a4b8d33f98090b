import type { Authenticator } from "@kubernetes/client-node/dist/auth.js";
import type { User } from "@kubernetes/client-node/dist/config_types.js";

/**
 * The plug-in of client-node that gets the credentials of a user, or null where the user needs none. It caches what it
 * gets. Each is loaded only where a kubeconfig asks for it; that of OpenID Connect loads the whole of client-node.
 */
export async function createAuthenticator(user: User): Promise<Authenticator | null> {
  const { name, config } = providerOf(user);
  if (name === "azure") return new (await import("@kubernetes/client-node/dist/azure_auth.js")).AzureAuth();
  if (name === "gcp") return new (await import("@kubernetes/client-node/dist/gcp_auth.js")).GoogleCloudPlatformAuth();
  if (user.exec || name === "exec" || config.exec) {
    return new (await import("@kubernetes/client-node/dist/exec_auth.js")).ExecAuth();
  }
  if (config.tokenFile) return new (await import("@kubernetes/client-node/dist/file_auth.js")).FileAuth();
  if (name === "oidc") return new (await import("@kubernetes/client-node/dist/oidc_auth.js")).OpenIDConnectAuth();
  return null;
}

interface Provider {
  readonly name?: unknown;
  readonly config: { readonly exec?: unknown; readonly tokenFile?: unknown };
}

function providerOf({ authProvider }: User): Provider {
  const provider: unknown = authProvider;
  if (typeof provider !== "object" || provider === null) return { config: {} };
  const config: unknown = Reflect.get(provider, "config");
  return { name: Reflect.get(provider, "name"), config: typeof config === "object" && config !== null ? config : {} };
}
