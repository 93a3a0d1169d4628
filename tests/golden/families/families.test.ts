// Every site of many architectures against PyTorch's hooks (tests/fixtures/families/make_families.py), both exporters, with ONNX
// Runtime's optimiser off and fully on. `table.ts` says what each family must have; sites that PyTorch's modules do not show
// obey the identities of `identities.ts`.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveSites } from '../../../core/hooks/sites.js';
import { decodeModel } from '../../../core/onnx/codec.js';
import { openModel } from '../../../models/open-model.js';
import { runModel } from '../../../models/run-model.js';
import { asFloat32 } from '../../../core/tensor/safetensors.js';
import { FAMILIES } from '../../harness/fixtures.js';
import { largestError, readReference, tensorOf } from '../reference.js';
import { IDENTITIES, type SiteOf, type Tensor } from './identities.js';
import { FAMILY_ROWS } from './table.js';

const CASES = FAMILY_ROWS.flatMap((family) =>
  family.exporters.map((exporter) => ({ ...family, file: `${family.name}.${exporter}.onnx` })),
);

it('the table has a row for every file in the folder', () => {
  const files = readdirSync(FAMILIES).filter((file) => file.endsWith('.onnx'));
  expect(CASES.map(({ file }) => file).sort()).toEqual(files.sort());
});

describe.each(CASES)('$file', ({ name, file, ...family }) => {
  const { layers, norm } = family;
  const blocks = Array.from({ length: layers }, (_, n) => `blocks.${n}.`);
  const reference = readReference(path.join(FAMILIES, `${name}.reference.safetensors`));
  const hooks = [...reference.tensors.keys()].filter((site) => site.startsWith('blocks.'));
  const run = async (
    optimisation: 'disabled' | 'all',
    sites: readonly string[],
  ): Promise<ReadonlyMap<string, Tensor>> => {
    const engine = { provider: 'cpu', threads: 1, optimisation } as const;
    const options = { hooks: sites, logits: true, engine };
    const got = await runModel(path.join(FAMILIES, file), reference, options);
    return got as ReadonlyMap<string, Tensor>;
  };

  it('has the sites that the table says, no others, and says why some are left out', async () => {
    const { summary } = await openModel(path.join(FAMILIES, file));
    expect([summary.layers, summary.norm]).toEqual([layers, norm]);
    const found = summary.sites.map((site) => site.name);
    const { unresolved } = resolveSites(decodeModel(readFileSync(path.join(FAMILIES, file))));
    for (const [n, block] of blocks.entries()) {
      const kinds = (names: readonly string[]): string[] =>
        names
          .filter((site) => site.startsWith(block))
          .map((site) => site.slice(block.length))
          .sort();
      const expected = [...family.has].filter((kind) => n > 0 || !family.notInFirst.has(kind));
      expect(kinds(found), block).toEqual(expected.sort());
      for (const [kind, reason] of Object.entries(family.refused)) {
        const said = unresolved.find(({ site }) => site === block + kind)?.reason;
        expect(said?.startsWith(reason), `${block}${kind}: ${said ?? 'nothing said'}`).toBe(true);
      }
      // What PyTorch's hooks show is among them, but for what the table names as refused.
      expect(kinds(hooks).filter((kind) => !family.has.has(kind))).toEqual(
        kinds(hooks).filter((kind) => kind in family.refused),
      );
    }
  });

  it.each(['disabled', 'all'] as const)('gives what PyTorch computed, optimisation %s', async (optimisation) => {
    const wanted = hooks.filter((site) => family.has.has(site.replace(/^blocks\.\d+\./, '')));
    const got = await run(optimisation, wanted);
    for (const site of [...wanted, 'logits']) {
      const value = got.get(site);
      const expected = tensorOf(reference.tensors, site);
      expect(value?.dims, site).toEqual(expected.shape);
      const error = largestError(value?.data ?? [], asFloat32(expected));
      expect(error, site).toBeLessThanOrEqual(site === 'logits' ? 2e-6 : 1e-6);
    }
  });

  it('obeys the identities among its sites', async () => {
    const got = await run('all', ['blocks.*.*', 'blocks.*.*.*']);
    for (const [n, block] of blocks.entries()) {
      const site: SiteOf = (kind) => got.get(block + kind);
      for (const [says, identity] of Object.entries(IDENTITIES)) {
        expect(identity(site, family) ?? 0, `${block} ${says}`).toBeLessThanOrEqual(2e-6);
      }
      const next = got.get(`blocks.${n + 1}.hook_resid_pre`);
      if (next) expect(next.data, block).toEqual(site('hook_resid_post')?.data);
    }
  });
});
