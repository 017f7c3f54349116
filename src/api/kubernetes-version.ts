/** The Kubernetes whose API and semantics these are. Of the product's own release nothing stands here. */
export const KUBERNETES = { major: '1', minor: '36', gitVersion: 'v1.36.0' } as const;
