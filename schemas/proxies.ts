// Which proxy of the environment a gRPC client takes for an address, as @grpc/grpc-js decides it. What this machine serves itself is
// never asked for through a proxy.

/** Whether an address, HOST:PORT or HOST, means this machine. */
export function isLoopback(address: string): boolean {
  const host = hostOf(address).toLowerCase();
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    /^127\.\d+\.\d+\.\d+$/.test(host) ||
    /^(::1|::ffff:127\.\d+\.\d+\.\d+|0\.0\.0\.0|::)$/.test(host)
  );
}

/** Channel arguments of a gRPC client for an address. */
export function channelArgsFor(address: string): Readonly<Record<string, number>> {
  return isLoopback(address) ? { 'grpc.enable_http_proxy': 0 } : {};
}

/** The proxy that stands before an address, without its credentials, and the variable that names it; null where there is none. */
export function proxyFor(
  address: string,
  variables: Readonly<Record<string, string | undefined>>,
): { readonly url: string; readonly variable: string } | null {
  const variable = ['grpc_proxy', 'https_proxy', 'http_proxy'].find((name) => variables[name]);
  if (variable === undefined || isLoopback(address)) return null;
  const excepted = (variables['no_grpc_proxy'] || variables['no_proxy'] || '').split(',');
  const host = hostOf(address);
  if (excepted.some((end) => host.endsWith(end) && (end !== '' || excepted.length > 1))) return null;
  const text = variables[variable] ?? '';
  const url = URL.canParse(text) ? new URL(text) : null;
  return url?.protocol === 'http:' ? { url: `http://${url.host}`, variable } : null;
}

function hostOf(address: string): string {
  // An address of IPv6 without brackets has no port.
  const [, host = address] = /^\[(.*)\](?::\d+)?$/.exec(address) ?? /^([^:]*):\d+$/.exec(address) ?? [];
  return host;
}
