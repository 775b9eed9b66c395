import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['**/*.test.ts'],
    globalSetup: ['lib/setup.ts'],
    pool: 'forks',
    // Each file has servers of its own, which share two cores with it.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 120_000, // of those that make databases and start servers
    restoreMocks: true,
  },
});
