// How every process of the project connects to Temporal: the environment variables of Temporal's own tools, and what they mean.
import { z } from 'zod';

export const temporalEnvironment = z.object({
  TEMPORAL_API_KEY: z.string().optional().describe('API key; TLS is on with it'),
  TEMPORAL_TLS: z.string().optional().describe('"true": TLS without a client certificate'),
  TEMPORAL_TLS_CLIENT_CERT_PATH: z.string().optional().describe('file of the client certificate (mTLS)'),
  TEMPORAL_TLS_CLIENT_KEY_PATH: z.string().optional().describe('file of its key'),
});

/** The part of a connection's options that is about identity. */
export interface TemporalCredentials {
  readonly apiKey?: string;
  readonly tls?: true | { readonly clientCertPair: { readonly crt: Buffer; readonly key: Buffer } };
}

/** Credentials from the environment: a client certificate, else an API key, else TLS alone, else none. */
export async function temporalCredentials(
  variables: Readonly<Record<string, string | undefined>>,
  read: (path: string) => Promise<Buffer>,
): Promise<TemporalCredentials> {
  const env = temporalEnvironment.parse(variables);
  if (env.TEMPORAL_TLS_CLIENT_CERT_PATH && env.TEMPORAL_TLS_CLIENT_KEY_PATH) {
    const crt = await read(env.TEMPORAL_TLS_CLIENT_CERT_PATH);
    const key = await read(env.TEMPORAL_TLS_CLIENT_KEY_PATH);
    return { tls: { clientCertPair: { crt, key } } };
  }
  if (env.TEMPORAL_API_KEY) return { apiKey: env.TEMPORAL_API_KEY, tls: true };
  return env.TEMPORAL_TLS === 'true' ? { tls: true } : {};
}
