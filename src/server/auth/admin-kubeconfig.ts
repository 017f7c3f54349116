import type { Pki } from './pki.ts';

/** A kubeconfig, YAML, of the administrator (`system:masters`), with all certificates inside. `url`: `https://10.0.0.1:6443`. */
export function adminKubeconfig(pki: Pick<Pki, 'admin' | 'ca'>, url: string): string {
  return `apiVersion: v1
kind: Config
clusters:
- name: skerry
  cluster:
    server: ${JSON.stringify(url)}
    certificate-authority-data: ${base64(pki.ca.certificate)}
users:
- name: kubernetes-admin
  user:
    client-certificate-data: ${base64(pki.admin.certificate)}
    client-key-data: ${base64(pki.admin.key)}
contexts:
- name: skerry
  context:
    cluster: skerry
    user: kubernetes-admin
current-context: skerry
`;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
