import { expect, test } from 'vitest';
import { createTablePrinter, type TableOptions } from './table.ts';

const COLUMNS = [
  { name: 'Name', type: 'string', format: 'name' },
  { name: 'Ready', type: 'string' },
  { name: 'Node', type: 'string', priority: 1 },
];
const PLAIN: TableOptions = { wide: false, headers: true, namespaces: false, labels: false, labelColumns: [], events: false };
const row = (...cells: readonly unknown[]) => ({ cells, object: { metadata: { namespace: 'ns', labels: { b: '2', a: '1' } } } });

function check(options: Partial<TableOptions>, rows: readonly ReturnType<typeof row>[], lines: readonly string[]): void {
  const text = createTablePrinter({ ...PLAIN, ...options }).print({ columnDefinitions: COLUMNS, rows }, 'ADDED');
  expect(text.split('\n')).toEqual([...lines, '']);
}

test('columns by their priority, as wide as their widest cell and never narrower than six', () => {
  check({}, [row('a', '1/1', 'n')], ['NAME   READY', 'a      1/1']);
  check({ wide: true }, [row('abcdefg', '1/1', 'n')], ['NAME      READY   NODE', 'abcdefg   1/1     n']);
  check({ headers: false }, [row('a', 'b', 'n')], ['a     b']);
  check({}, [], []);
});

test('more columns: namespaces, labels, kinds, events', () => {
  check({ namespaces: true, kind: 'pod' }, [row('a', 1, '')], ['NAMESPACE   NAME    READY', 'ns          pod/a   1']);
  check(
    { labels: true, labelColumns: ['x/b', 'c'] },
    [row('a', true, '')],
    ['NAME   READY   B     C     LABELS', 'a      true                a=1,b=2'],
  );
  check({ events: true }, [row('a', '', '')], ['EVENT   NAME   READY', 'ADDED   a      ']);
});

test('what moves a cursor is shown, several lines are cut, and letters are counted as they are seen', () => {
  check({}, [row('é😀', '\x1b[31mred\nmore', ''), row('abc', null, '')], ['NAME   READY', 'é😀     ^[[31mred...', 'abc    ']);
});

test('later rows are aligned with those before, and headed again only under other columns', () => {
  const printer = createTablePrinter(PLAIN);
  expect(printer.print({ columnDefinitions: COLUMNS, rows: [row('a-long-name', '1/1', '')] })).toBe(
    'NAME          READY\na-long-name   1/1\n',
  );
  expect(printer.print({ columnDefinitions: null, rows: [row('b', '0/1', '')] })).toBe('b             0/1\n');
  expect(printer.print({ columnDefinitions: COLUMNS.slice(0, 1), rows: [row('c')] })).toBe('NAME\nc\n');
});
