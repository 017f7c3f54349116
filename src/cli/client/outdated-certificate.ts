import { X509Certificate } from 'node:crypto';
import { rfc3339 } from '#lib/time.ts';

/** Why a server may not have known the user: their certificate has ended, or has not begun. `certificate`: PEM. Undefined while it is good, and for what is none. */
export function outdatedCertificate(certificate: string | undefined, nowMs: number): string | undefined {
  if (certificate === undefined) return undefined;
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(certificate);
  } catch {
    return undefined;
  }
  const [fromMs, toMs] = [Date.parse(x509.validFrom), Date.parse(x509.validTo)];
  if (nowMs >= fromMs && nowMs < toMs) return undefined;
  const fault = nowMs < fromMs ? `is good from ${rfc3339(fromMs)} on` : `was good until ${rfc3339(toMs)}`;
  return `the user's certificate in the kubeconfig ${fault}, and the clock of this machine says ${rfc3339(nowMs)}`;
}
