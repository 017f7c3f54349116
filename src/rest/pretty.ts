import type { Answer, HttpRequest } from './request.ts';

/** JSON indented for people: asked for with `pretty`, or by whom upstream takes for one (a browser, curl, wget). */
export function prettyForPeople(request: Pick<HttpRequest, 'query' | 'headers'>, answer: Answer): Answer {
  if (answer.type !== 'value' || answer.body.length === 0) return answer;
  if (answer.headers['content-type'] !== 'application/json' || !isForPeople(request)) return answer;
  const text = typeof answer.body === 'string' ? answer.body : new TextDecoder().decode(answer.body);
  return { ...answer, body: `${JSON.stringify(JSON.parse(text), null, 2)}\n` };
}

/** By Go's ParseBool. */
const PARSED_AS_TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];

function isForPeople({ query, headers }: Pick<HttpRequest, 'query' | 'headers'>): boolean {
  const asked = query.get('pretty') ?? '';
  if (asked !== '') return PARSED_AS_TRUE.includes(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}
