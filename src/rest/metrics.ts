/** Counters of the API in Prometheus' text format. */
export type Metrics = { readonly count: (verb: string, code: number) => void; readonly text: () => string };

export function createMetrics(): Metrics {
  const counts = new Map<string, number>();
  return {
    count: (verb, code) => {
      const labels = `{verb="${verb.toUpperCase()}",code="${code}"}`;
      counts.set(labels, (counts.get(labels) ?? 0) + 1);
    },
    text: () => {
      const { rss, heapUsed } = process.memoryUsage();
      return [
        '# HELP apiserver_request_total Requests by verb and HTTP code.',
        '# TYPE apiserver_request_total counter',
        ...[...counts].map(([labels, count]) => `apiserver_request_total${labels} ${count}`),
        '# HELP process_resident_memory_bytes Resident memory.',
        '# TYPE process_resident_memory_bytes gauge',
        `process_resident_memory_bytes ${rss}`,
        '# HELP nodejs_heap_used_bytes Heap in use.',
        '# TYPE nodejs_heap_used_bytes gauge',
        `nodejs_heap_used_bytes ${heapUsed}`,
        '',
      ].join('\n');
    },
  };
}
