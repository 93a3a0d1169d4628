// A run file with edits through the pipeline's stages: values as `model run --edit` gives them, keys that follow content,
// settings that outlive the user's files.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../core/identity/canonical-json.js';
import { encodeSafetensors, safeTensor } from '../../../../core/tensor/safetensors.js';
import { activationsSettings, activationsStage, siteKeys, type SiteKey } from '../../../../stages/activations/stage.js';
import { tokensKey } from '../../../../stages/tokens/stage.js';
import { parseEdit } from '../../../../models/edit-grammar.js';
import { runModel } from '../../../../models/run-model.js';
import { remainingWork } from '../../../../pipeline/plan/run-records.js';
import { latestRevision, readResolvedRun } from '../../../../storage/records/resolved-runs.js';
import type { ResolvedRun } from '../../../../schemas/resolved-run.js';
import { givenModelFiles, type ModelFiles } from '../../../../stages/activations/run-model-files.js';
import type { ObjectStore } from '../../../../storage/objects/object-store.js';
import { openStore } from '../../../../storage/objects/open-store.js';
import { listCommitInputs, readCommits } from '../../../../storage/records/commits.js';
import { readTable, readTokensTable } from '../../../../storage/tables/read.js';
import { findDocument, sqlDocument } from '../../../../schemas/documents/features.js';
import { explainRun } from '../../../../reading/runs/explain.js';
import { runCli } from '../../cli/harness.js';
import { TINY_LM } from '../../../harness/fixtures.js';
import { runStages, submitRun, writeRun } from '../../cli/pipeline.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

const SITE = 'blocks.2.hook_resid_post';
/** Tokens of a context, the prepended one counted. */
const CONTEXT = 32;
const WIDTH = 128;
const EDITS = [
  'blocks.1.hook_resid_post=add:values.safetensors#direction*4,at=3:7',
  'blocks.0.attn.hook_z=ablate,head=2',
  'blocks.2.hook_mlp_out=scale:0.5,along=values.safetensors#direction,at=-1',
];
const YAML_EDITS = `
    - { site: blocks.2.hook_mlp_out, op: scale, factor: 0.5, along: values.safetensors#direction, at: [-1] }
    - { site: blocks.1.hook_resid_post, op: add, value: values.safetensors#direction, factor: 4, at: ['3:7'] }
    - { site: blocks.0.attn.hook_z, op: ablate, heads: [2] }`;

const folder = temporaryFolder('edited-run');
let store: ObjectStore;
beforeAll(async () => {
  store = await openStore('file://./data', { base: folder });
  await writeValues(join(folder, 'values.safetensors'), 'direction');
});
afterAll(async () => {
  await store.close();
});

async function writeValues(path: string, name: string): Promise<void> {
  const direction = Float32Array.from({ length: WIDTH }, (_, i) => Math.sin(i + 1));
  const tensors = new Map([[name, safeTensor(direction, [WIDTH])]]);
  await writeFile(path, Buffer.concat(encodeSafetensors(tensors)));
}

/** A run file over the small corpus, activations at float32 alone, with the given edits. */
async function withEdits(edits: string, name = 'small'): Promise<string> {
  return writeRun(folder, (yaml) => {
    const [head = ''] = yaml.split('saes:');
    return `${head.replace('name: small', `name: ${name}`)}compute: { device: cpu }\n`
      .replace("prepend: '<|endoftext|>' }", `prepend: '<|endoftext|>'${edits} }`)
      .replace('batchTokens: 512', 'batchTokens: 512, dtype: float32, dropPositions: []');
  });
}

const listed = (yaml: string): string => `, edits: [${yaml.replaceAll('\n    - ', ' ').replaceAll('} {', '}, {')}]`;

let revisions = 0;
/** The key of the one site, of a run file with these edits; nothing is computed. Each is a revision of its own. */
async function keyOf(edits: string): Promise<string> {
  const run = await submitRun(store, await withEdits(edits, 'keys'), ++revisions);
  return keysOf(run)[0]?.key ?? '';
}

function filesOf(of: ResolvedRun): ModelFiles {
  const files = givenModelFiles(of);
  if (!files) throw new RangeError(of.name);
  return files;
}

const keysOf = (of: ResolvedRun): SiteKey[] => siteKeys(activationsSettings(of, filesOf(of)));

interface StoredRow {
  readonly act: Float32Array;
  readonly tokens: readonly number[];
  readonly pos: number;
}

async function objectAt(key: string): Promise<Uint8Array> {
  const bytes = await store.get(key);
  if (bytes === null) throw new RangeError(key);
  return bytes;
}

/** Every stored row with its document's tokens. */
async function storedRows(run: ResolvedRun): Promise<{ rows: StoredRow[]; model: Set<string> }> {
  const key = keysOf(run)[0]?.key ?? '';
  const tokens = new Map<number, number[]>();
  const read = async (stage: 'tokens' | 'activations', of: string) => {
    const inputs = [...(await listCommitInputs(store, stage, of))];
    const commits = await readCommits(store, { stage, key: of, inputs });
    return commits.flatMap(({ objects }) => objects.filter(({ table }) => table === stage));
  };
  for (const { key: at } of await read('tokens', tokensKey(run).key)) {
    const table = await readTokensTable(await objectAt(at));
    table.doc.forEach((doc, i) => {
      tokens.set(doc, [...table.ids.subarray(table.offsets[i], table.offsets[i + 1])]);
    });
  }
  const rows: StoredRow[] = [];
  const model = new Set<string>();
  for (const { key: at } of await read('activations', key)) {
    const { columns, metadata } = await readTable('activations', await objectAt(at));
    model.add(metadata.get('model') ?? '');
    columns.pos.forEach((pos, row) => {
      const act = (columns.act as Float32Array).subarray(row * WIDTH, (row + 1) * WIDTH);
      rows.push({ act, pos, tokens: tokens.get(columns.doc[row] as number) ?? [] });
    });
  }
  return { rows, model };
}

describe('a run file with edits', () => {
  let run: ResolvedRun;
  beforeAll(async () => {
    run = await submitRun(store, await withEdits(listed(YAML_EDITS)));
    // What the run needs is in its store: the user's file may go.
    await rename(join(folder, 'values.safetensors'), join(folder, 'gone.safetensors'));
    await runStages(store, run, { folder, until: 'activations', most: 1 });
  });
  afterAll(async () => {
    await rename(join(folder, 'gone.safetensors'), join(folder, 'values.safetensors'));
  });

  it('goes on from what is stored, without the files that the edits were read from', async () => {
    const stored = await latestRevision(store, 'small');
    expect(stored).toEqual(run);
    const left = await remainingWork(store, run, 'missing');
    const work = left.steps.find(({ stage }) => stage === 'activations')?.work;
    expect(work?.committed).toBe(1);
    await runStages(store, stored as ResolvedRun, { folder, until: 'activations' });
    expect((await remainingWork(store, run, 'missing')).complete).toBe(true);
  });

  it('stores the values that model run --edit gives on the same contexts', async () => {
    await rename(join(folder, 'gone.safetensors'), join(folder, 'values.safetensors'));
    const { rows, model } = await storedRows(run);
    expect([...model]).toEqual([canonicalJson(filesOf(run).reference)]);
    // Contexts: the prepended token, then the next 31 of the document.
    const contexts = new Map<string, { ids: number[]; rows: StoredRow[] }>();
    for (const row of rows) {
      const from = Math.floor(row.pos / (CONTEXT - 1)) * (CONTEXT - 1);
      const ids = [0, ...row.tokens.slice(from, from + CONTEXT - 1)];
      const context = contexts.get(ids.join()) ?? { ids, rows: [] };
      contexts.set(ids.join(), context);
      context.rows.push(row);
    }
    const chosen = [...contexts.values()].sort((a, b) => a.ids.length - b.ids.length);
    const [long, short] = [
      chosen.filter(({ ids }) => ids.length === CONTEXT).slice(0, 3),
      chosen.filter(({ ids }) => ids.length >= 7 && ids.length < CONTEXT).slice(0, 3),
    ];
    expect([long.length, short.length]).toEqual([3, 3]);
    for (const { ids, rows: own } of [...long, ...short]) {
      const given = { ids: Uint32Array.from(ids), length: ids.length };
      const engine = { provider: 'cpu', threads: 1, optimisation: 'all' } as const;
      const edits = { list: EDITS.map(parseEdit), folder, where: (i: number) => String(i) };
      const of = async (options: object): Promise<Float32Array> => {
        const values = await runModel(`${TINY_LM}/model.onnx`, given, { hooks: [SITE], engine, ...options });
        return values.get(SITE)?.data as Float32Array;
      };
      const [edited, plain] = [await of({ edits }), await of({})];
      const largest = edited.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      let moved = 0;
      for (const { act, pos } of own) {
        const at = ((pos % (CONTEXT - 1)) + 1) * WIDTH;
        act.forEach((x, j) => {
          expect(Math.abs(x - (edited[at + j] as number))).toBeLessThanOrEqual(2e-6 * largest);
          moved = Math.max(moved, Math.abs(x - (plain[at + j] as number)));
        });
      }
      expect(moved).toBeGreaterThan(0.1);
    }
    await rename(join(folder, 'values.safetensors'), join(folder, 'gone.safetensors'));
  });
});

describe('the key of edited activations', () => {
  const add = `{ site: ${SITE}, op: add, value: 'values.safetensors#direction', factor: 2, at: [3] }`;

  it('is that of an unedited model where the list is empty', async () => {
    const run = await submitRun(store, await withEdits('', 'keys'), ++revisions);
    expect(await keyOf(', edits: []')).toBe(keysOf(run)[0]?.key);
    const { config, stageVersion } = keysOf(run)[0]?.preimage ?? {};
    expect(stageVersion).toBe(activationsStage.version);
    expect(config).toMatchObject({ model: { edits: [] } });
    expect(Object.keys(config as object).sort()).toEqual(
      [
        'tokensKey',
        'model',
        'contextTokens',
        'prependId',
        'packing',
        'dropPositions',
        'dtype',
        'batchTokens',
        'engine',
        'site',
      ].sort(),
    );
    expect(Object.keys(run.model)).not.toContain('editValues');
    expect(Object.keys(activationsSettings(run, filesOf(run)).aux)).toEqual(['sites', 'model', 'external']);
    expect(canonicalJson(filesOf(run).reference)).toBe(`{"base":"${filesOf(run).reference.base}","edits":[]}`);
  });

  it('changes with every field of an edit and with its numbers', async () => {
    const keys = new Set<string>();
    const variants = [
      '',
      `, edits: [${add}]`,
      `, edits: [${add.replace('factor: 2', 'factor: 3')}]`,
      `, edits: [${add.replace('at: [3]', 'at: [4]')}]`,
      `, edits: [${add.replace(SITE, 'blocks.1.hook_resid_post')}]`,
      `, edits: [${add.replace("'values.safetensors#direction'", '0.5')}]`,
      `, edits: [${add.replace('factor: 2', "factor: 2, along: 'values.safetensors#direction'")}]`,
      `, edits: [${add}, ${add}]`,
      `, edits: [{ site: ${SITE}, op: ablate }]`,
      ', edits: [{ site: blocks.0.attn.hook_z, op: ablate, heads: [0] }]',
      ', edits: [{ site: blocks.0.attn.hook_z, op: ablate, heads: [1] }]',
    ];
    for (const variant of variants) keys.add(await keyOf(variant));
    expect(keys.size).toBe(variants.length);
  });

  it('is equal for equal content of another file, another spelling, and another order over sites', async () => {
    await mkdir(join(folder, 'elsewhere'), { recursive: true });
    await writeValues(join(folder, 'elsewhere', 'copy.safetensors'), 'v');
    const other = `{ site: blocks.0.hook_attn_out, op: ablate, at: ['4:', 2, 3] }`;
    const first = await keyOf(`, edits: [${add}, ${other}]`);
    const moved = add.replace('values.safetensors#direction', 'elsewhere/copy.safetensors#v');
    const spelled = other.replace("['4:', 2, 3]", "['2:']");
    expect(await keyOf(`, edits: [${spelled}, ${moved.replace('[3]', "['3:4']")}]`)).toBe(first);
    // At one site the order is part of it: 2 (x + v) is not 2 x + v.
    const twice = `{ site: ${SITE}, op: scale, factor: 2 }`;
    expect(await keyOf(`, edits: [${add}, ${twice}]`)).not.toBe(await keyOf(`, edits: [${twice}, ${add}]`));
  });

  it('is explained: the edits before and after', async () => {
    await submitRun(store, await withEdits('', 'told'), 1);
    const run = await submitRun(store, await withEdits(`, edits: [${add}]`, 'told'), 2);
    for (const revision of [1, 2]) {
      const stored = await readResolvedRun(store, { name: 'told', revision });
      await runStages(store, stored, { folder, until: 'activations', most: 0 });
    }
    const { stages } = await explainRun(store, { name: 'told', revision: 2 }, 1);
    const changes = stages.find(({ stage }) => stage === 'activations')?.changes;
    expect(changes).toEqual([{ field: 'config.model.edits', before: [], after: filesOf(run).reference.edits }]);
  });
});

describe('a dictionary of an edited model', () => {
  it('is trained, indexed and asked as any other: find gives what top stores', async () => {
    const edits =
      ", edits: [{ site: blocks.1.hook_resid_post, op: add, value: 'values.safetensors#direction', factor: 8 }]";
    const yaml = (text: string): string =>
      text
        .replace('name: small', 'name: steered')
        .replace("prepend: '<|endoftext|>' }", `prepend: '<|endoftext|>'${edits} }`);
    const run = await submitRun(store, await writeRun(folder, yaml));
    await runStages(store, run, { folder });
    const cli = (...argv: string[]) => runCli([...argv, '--json', '--store', 'data'], { cwd: folder });
    const sql = sqlDocument.parse(
      (await cli('sql', 'select feature, pos, value from postings where doc = 0', '--run', 'steered')).json(),
    );
    const text = sqlDocument.parse(
      (await cli('sql', 'select text from documents where doc = 0', '--run', 'steered')).json(),
    ).rows[0]?.[0];
    const stored = new Map(
      sql.rows.map(([feature, pos, value]) => [`${String(pos)}/${String(feature)}`, Number(value)]),
    );
    const found = findDocument.parse((await cli('find', 'steered/dict', String(text))).json());
    const computed = found.tokens.flatMap(({ pos, features }) =>
      features.map(({ feature, value }) => [`${pos}/${feature}`, value] as const),
    );
    expect(computed.length).toBeGreaterThan(100);
    expect(computed.map(([name]) => name).sort()).toEqual([...stored.keys()].sort());
    for (const [name, value] of computed)
      expect(Math.abs(value - (stored.get(name) ?? 0))).toBeLessThanOrEqual(2 ** -10 * value);
  });
});
