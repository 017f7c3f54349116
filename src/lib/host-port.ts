export type HostPort = { readonly host: string; readonly port: number };

/** `hub.example:6443`, `[fd00::1]:6443`: as it stands in a URL (RFC 3986 §3.2.2). */
export const hostPort = ({ host, port }: HostPort): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;
