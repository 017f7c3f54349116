import { LAN_TEXT_MAX } from '../kinds/node-lan.ts';
import { count, fields, json, oneOf, optional, text, type Fields } from './reader.ts';
import type { DecisionReport, EventReport, NodeReport, PodReport, Report } from './reports.ts';

/**
 * Reports as received. What the status of a pod or node holds is not looked at here: the server takes only the fields that are a
 * node's to report (src/server/fleet/status-fields.ts) and the pipeline validates them. Throws SkerryError `BadMessage`.
 */
const NAME_MAX = 253;
const WORD_MAX = 128;
/** As the Kubernetes API allows for an event's message. */
const MESSAGE_MAX = 1_024;
/** Status messages of a pod: a termination message may have 4 kB. */
const LONG_MESSAGE_MAX = 4_096;
const COUNT_MAX = 1_000_000;

export function decodeReport(value: unknown, place: string): Report {
  const report = fields(value, place);
  const body = fields(report['body'], `${place}.body`);
  switch (oneOf(report['class'], `${place}.class`, ['state', 'event', 'decision'])) {
    case 'state':
      return decodeState(text(report['key'], `${place}.key`, NAME_MAX), body, `${place}.body`);
    case 'event':
      return { class: 'event', body: decodeEvent(body, `${place}.body`) };
    case 'decision':
      return { class: 'decision', body: decodeDecision(body, `${place}.body`) };
  }
}

function decodeState(key: string, body: Fields, place: string): Report {
  if (key === 'node') return { class: 'state', key, body: decodeNode(body, place) };
  const pod = decodePod(body, place);
  oneOf(key, `${place}.key`, [`pods/${pod.uid}`]);
  return { class: 'state', key: `pods/${pod.uid}`, body: pod };
}

function decodePod(body: Fields, place: string): PodReport {
  const gone = optional(body['gone'], (value) => oneOf(String(value), `${place}.gone`, ['true']));
  return {
    uid: text(body['uid'], `${place}.uid`, WORD_MAX),
    namespace: text(body['namespace'], `${place}.namespace`, NAME_MAX),
    name: text(body['name'], `${place}.name`, NAME_MAX),
    // Only an object for sure; see this file's first lines.
    status: fields(json(body['status'], `${place}.status`), `${place}.status`) as PodReport['status'],
    ...(gone === undefined ? {} : { gone: true }),
  };
}

function decodeNode(body: Fields, place: string): NodeReport {
  const labels = Object.entries(fields(body['labels'] ?? {}, `${place}.labels`));
  const lan = optional(body['lan'], (value) => text(value, `${place}.lan`, LAN_TEXT_MAX));
  return {
    // Only an object for sure; see this file's first lines.
    status: fields(json(body['status'], `${place}.status`), `${place}.status`) as NodeReport['status'],
    labels: Object.fromEntries(labels.map(([name, value]) => [name, text(value, `${place}.labels.${name}`, NAME_MAX)])),
    ...(lan === undefined ? {} : { lan }),
  };
}

function decodeEvent(body: Fields, place: string): EventReport {
  const involved = fields(body['involved'], `${place}.involved`);
  const namespace = optional(involved['namespace'], (value) => text(value, `${place}.involved.namespace`, NAME_MAX));
  const uid = optional(involved['uid'], (value) => text(value, `${place}.involved.uid`, WORD_MAX));
  const fieldPath = optional(involved['fieldPath'], (value) => text(value, `${place}.involved.fieldPath`, NAME_MAX));
  return {
    involved: {
      kind: text(involved['kind'], `${place}.involved.kind`, WORD_MAX),
      name: text(involved['name'], `${place}.involved.name`, NAME_MAX),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type: oneOf(body['type'], `${place}.type`, ['Normal', 'Warning']),
    reason: text(body['reason'], `${place}.reason`, WORD_MAX),
    message: text(body['message'], `${place}.message`, LONG_MESSAGE_MAX).slice(0, MESSAGE_MAX),
    time: text(body['time'], `${place}.time`, WORD_MAX),
    count: count(body['count'], `${place}.count`, 1, COUNT_MAX),
  };
}

function decodeDecision(body: Fields, place: string): DecisionReport {
  oneOf(body['type'], `${place}.type`, ['verdict']);
  return {
    type: 'verdict',
    uid: text(body['uid'], `${place}.uid`, WORD_MAX),
    phase: oneOf(body['phase'], `${place}.phase`, ['Succeeded', 'Failed']),
    reason: text(body['reason'], `${place}.reason`, WORD_MAX),
    message: text(body['message'], `${place}.message`, LONG_MESSAGE_MAX),
  };
}
