// Test projects by kind: fast ones first, then those that start processes and servers. Two files run beside each other, those that
// take longest first, so that both cores end together.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

interface Kind {
  readonly name: string;
  readonly seconds: number;
  /** Groups run one after the other. */
  readonly group: number;
}

const KINDS: readonly Kind[] = [
  { name: 'unit', seconds: 20, group: 0 },
  { name: 'mocked', seconds: 20, group: 0 },
  { name: 'property', seconds: 30, group: 0 },
  { name: 'replay', seconds: 30, group: 0 },
  { name: 'golden', seconds: 120, group: 1 },
  { name: 'hostile', seconds: 180, group: 1 },
  { name: 'layers', seconds: 120, group: 1 },
  { name: 'conformance', seconds: 120, group: 1 },
  { name: 'crash', seconds: 600, group: 1 },
  { name: 'faults', seconds: 300, group: 1 },
  { name: 'e2e', seconds: 900, group: 2 },
];

/** The files that take longest, in the order in which they begin. */
const LONG = [
  ...['e2e/kills', 'e2e/control', 'e2e/graph', 'e2e/trained-run', 'e2e/suite', 'e2e/poison', 'e2e/model-folders'],
  ...['e2e/model-train', 'e2e/workers', 'e2e/bad-documents', 'e2e/store-minio-crash', 'e2e/schedule', 'e2e/pipeline'],
  ...[
    'golden/edits/identities',
    'crash/commit-path',
    'golden/edits/edits',
    'hostile/bombs',
    'golden/families/families',
  ],
];

class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`tests/${name}.test.ts`));
      return at < 0 ? LONG.length : at;
    };
    return Promise.resolve(files.sort((a, b) => place(a) - place(b) || (a.moduleId < b.moduleId ? -1 : 1)));
  }
}

const MOCKED = 'tests/unit/**/*.mocked.test.ts';

function filesOf(name: string): { readonly include: string[]; readonly exclude?: string[] } {
  if (name === 'mocked') return { include: [MOCKED] };
  return { include: [`tests/${name}/**/*.test.ts`], ...(name === 'unit' && { exclude: [MOCKED] }) };
}

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: KINDS.map(({ name, seconds, group }) => ({
      test: {
        name,
        ...filesOf(name),
        // Loading the modules again for every file took half of the time; files that replace a module run apart.
        isolate: name !== 'unit',
        environment: 'node',
        env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
        pool: 'forks' as const,
        maxWorkers: 2,
        sequence: { groupOrder: group },
        testTimeout: seconds * 1000,
        hookTimeout: Math.max(60, seconds) * 1000,
        teardownTimeout: 30_000,
        passWithNoTests: true,
      },
    })),
  },
});
