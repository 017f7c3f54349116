import { kubeconfigText } from '#api/kubeconfig.ts';
import type { Pki } from './pki.ts';

/** Of the administrator (`system:masters`). `server`: `https://10.0.0.1:6443`. */
export function adminKubeconfig({ admin, ca }: Pick<Pki, 'admin' | 'ca'>, server: string): string {
  return kubeconfigText({ server, user: 'kubernetes-admin', ca: ca.certificate, ...admin });
}
