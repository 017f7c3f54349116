import { defineConfig } from 'vitest/config';

/** unit: beside the code, tidy and the simulator; no root needed. e2e: the executable, real engines, kubectl and Mosquitto; root needed. */
export default defineConfig({
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'build/**/*.test.ts',
            'scripts/**/*.test.ts',
            'test/*.test.ts',
            'test/support/**/*.test.ts',
            'test/sim/**/*.test.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // They wait more than they work.
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          env: { SKERRY_PROGRAM: `dist/skerry-linux-${process.arch}` },
        },
      },
    ],
  },
});
