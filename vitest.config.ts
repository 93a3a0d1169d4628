// Test projects by kind: fast ones first, then those that start processes and servers, the end-to-end ones alone.
import { defineConfig } from 'vitest/config';

interface Kind {
  readonly name: string;
  readonly seconds: number;
  /** Groups run one after the other; within a group files run beside each other. */
  readonly group: number;
  readonly files: number;
}

const KINDS: readonly Kind[] = [
  { name: 'unit', seconds: 20, group: 0, files: 2 },
  { name: 'property', seconds: 30, group: 0, files: 2 },
  { name: 'replay', seconds: 30, group: 0, files: 2 },
  { name: 'golden', seconds: 120, group: 1, files: 2 },
  { name: 'hostile', seconds: 180, group: 1, files: 2 },
  { name: 'layers', seconds: 120, group: 1, files: 2 },
  { name: 'conformance', seconds: 120, group: 2, files: 1 },
  { name: 'crash', seconds: 600, group: 2, files: 1 },
  { name: 'faults', seconds: 300, group: 2, files: 1 },
  { name: 'e2e', seconds: 900, group: 3, files: 1 },
];

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    projects: KINDS.map(({ name, seconds, group, files }) => ({
      test: {
        name,
        include: [`tests/${name}/**/*.test.ts`],
        environment: 'node',
        env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
        pool: 'forks' as const,
        maxWorkers: files,
        fileParallelism: files > 1,
        sequence: { groupOrder: group },
        testTimeout: seconds * 1000,
        hookTimeout: Math.max(60, seconds) * 1000,
        teardownTimeout: 30_000,
        passWithNoTests: true,
      },
    })),
  },
});
