/** A kubeconfig, YAML, of one user at one server, with all certificates inside. */
export type KubeconfigOf = {
  /** `https://10.0.0.1:6443` */
  readonly server: string;
  readonly user: string;
  /** PEM */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
};

export function kubeconfigText({ server, user, ca, certificate, key }: KubeconfigOf): string {
  // Every JSON text is one of YAML.
  const name = JSON.stringify(user);
  return `apiVersion: v1
kind: Config
clusters:
- name: skerry
  cluster:
    server: ${JSON.stringify(server)}
    certificate-authority-data: ${base64(ca)}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(certificate)}
    client-key-data: ${base64(key)}
contexts:
- name: skerry
  context:
    cluster: skerry
    user: ${name}
current-context: skerry
`;
}

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
