import type { NodeReport, PodReport, Report } from '#api/link/reports.ts';
import { LAN_ANNOTATION, formatLan, parseLan } from '#api/kinds/node-lan.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import type { Change } from '#rest/change.ts';
import type { View } from '../view.ts';
import type { Clocks } from './server-time.ts';
import { nodeStatusPatch, ownLabels, podStatusPatch } from './status-fields.ts';

/** What a node's report asks of the pipeline: only ever about the node itself and what is bound to it. Pure. Events are apart (event-desk.ts). */
export type Judgement = { readonly changes: readonly Change[] } | { readonly dropped: string };

export function changesOf(
  report: Exclude<Report, { readonly class: 'event' }>,
  node: string,
  view: Pick<View, 'get' | 'podsOn'>,
  clocks: Clocks,
): Judgement {
  if (report.class === 'decision') return verdictChanges(report.body, node, view);
  return report.key === 'node' ? nodeChanges(report.body, node, view, clocks) : podChanges(report.body, node, view, clocks);
}

function podChanges(report: PodReport, node: string, view: Pick<View, 'get'>, clocks: Clocks): Judgement {
  const { uid, namespace, name } = report;
  const pod = view.get('pods', namespace, name);
  if (pod === undefined || pod.metadata.uid !== uid) return { dropped: 'there is no such pod (any more)' };
  if (nodeNameOf(pod) !== node) return { dropped: 'the pod is bound to another node' };
  const status = statusChange(pod, podStatusPatch(report.status, pod, clocks));
  if (report.gone !== true) return { changes: [status] };
  // Only a database that was restored does not know of the deletion any more: its pod is to run, and the node begins it anew.
  if (pod.metadata.deletionTimestamp === undefined) return { dropped: 'the pod is not being deleted (any more)' };
  return { changes: [status, { verb: 'delete', resource: 'pods', namespace, name, uid, gracePeriodSeconds: 0 }] };
}

function nodeChanges(report: NodeReport, node: string, view: Pick<View, 'get'>, { nowMs }: Clocks): Judgement {
  const object = view.get('nodes', '', node);
  if (object === undefined) return { dropped: 'there is no such node (any more)' };
  const of = { verb: 'patch', resource: 'nodes', namespace: '', name: node } as const;
  const labels = Object.entries(ownLabels(report.labels)).filter(([name, value]) => object.metadata.labels?.[name] !== value);
  // As the node would write it, whatever it has sent; nothing else of its annotations is a node's to say.
  const lan = report.lan === undefined ? undefined : formatLan(parseLan(report.lan));
  const moved = lan !== undefined && (object.metadata.annotations?.[LAN_ANNOTATION] ?? '') !== lan;
  const annotations = moved ? { annotations: { [LAN_ANNOTATION]: lan === '' ? null : lan } } : {};
  const patch = { metadata: { labels: Object.fromEntries(labels), ...annotations } };
  return {
    changes: [
      { ...of, subresource: 'status', patchType: 'strategic', patch: { status: nodeStatusPatch(report.status, object, nowMs) } },
      ...(labels.length === 0 && !moved ? [] : [{ ...of, patchType: 'strategic' as const, patch }]),
    ],
  };
}

function verdictChanges(
  { uid, phase, reason, message }: Extract<Report, { readonly class: 'decision' }>['body'],
  node: string,
  view: Pick<View, 'podsOn'>,
): Judgement {
  const pod = view.podsOn(node).find(({ metadata }) => metadata.uid === uid);
  if (pod === undefined) return { dropped: 'no pod of this uid is bound to the node (any more)' };
  return {
    changes: [statusChange(pod, { phase, ...(reason === '' ? {} : { reason }), ...(message === '' ? {} : { message }) })],
  };
}

function statusChange({ metadata }: KubeObject, status: unknown): Change {
  const { namespace = '', name = '', uid = '' } = metadata;
  return {
    verb: 'patch',
    resource: 'pods',
    subresource: 'status',
    namespace,
    name,
    uid,
    patchType: 'strategic',
    patch: { status },
  };
}

function nodeNameOf(pod: KubeObject): string | undefined {
  // Stored pods were decoded against the pod's schema.
  return (pod as Pod).spec?.nodeName;
}
