import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** Whether a client that calls a server by this name or address takes the certificate for it: by its alternative names only, as all of them do by now. */
export function namesHost(certificate: X509Certificate, host: string): boolean {
  return (isIP(host) === 0 ? certificate.checkHost(host, { subject: 'never' }) : certificate.checkIP(host)) !== undefined;
}
