import { expect, test } from 'vitest';
import { NOTHING_TOLD, afterFailure, afterSuccess } from './probe-news.ts';

test('a probe that fails every ten seconds is told of ever more rarely, and no failure is lost', () => {
  let news = NOTHING_TOLD;
  const told: [number, number][] = [];
  for (let at = 0; at < 3_600_000; at += 10_000) {
    const next = afterFailure(news, at);
    news = next.news;
    if (next.count > 0) told.push([at / 1000, next.count]);
  }
  expect(told).toEqual([
    [0, 1],
    [30, 3],
    [90, 6],
    [210, 12],
    [450, 24],
    [930, 48],
    [1890, 96],
  ]);
});

test('one that has recovered for long is told of at once again, one that flips is not', () => {
  const failed = afterFailure(NOTHING_TOLD, 0).news;
  expect(afterFailure(afterSuccess(failed, 10_000), 20_000).count).toBe(0);
  expect(afterFailure(afterSuccess(failed, 40_000), 50_000).count).toBe(1);
});
