// Input that cannot be right is refused by `run` before anything is written: exit code 2, what is wrong and where, what to do.
// No server is needed: everything is checked before the first connection.
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { graphOf } from '../../core/onnx/cut.js';
import type { ModelProto } from '../../core/onnx/proto.js';
import { TINY_LM, TOKENIZER } from '../harness/fixtures.js';
import { createProject, runOf, type Project } from './harness/project.js';

let project: Project;

afterEach(async () => {
  await project.remove();
});

/** `assay run run.yaml` is refused with exit code 2 and these texts, and leaves no store behind. */
async function refused(...texts: readonly (string | RegExp)[]): Promise<string> {
  const { code, stdout, stderr } = await project.assay('run', 'run.yaml');
  expect(stderr, 'stderr').not.toMatch(/\n\s+at /);
  for (const text of texts) {
    if (typeof text === 'string') expect(stderr).toContain(text);
    else expect(stderr).toMatch(text);
  }
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(existsSync(path.join(project.folder, 'data')), 'a store was made').toBe(false);
  return stderr;
}

const at = (name: string): string => path.join(project.folder, name);

const save = (name: string, content: string | Uint8Array): Promise<void> => writeFile(at(name), content);

async function withRun(run: Record<string, unknown>): Promise<void> {
  project = await createProject({ chapters: 3, run });
}

describe('a wrong run file', () => {
  it('is refused with all its mistakes at once: line, field, value, expected, the key that was meant', async () => {
    project = await createProject({ chapters: 3 });
    const text = await readFile(at('run.yaml'), 'utf8');
    await save(
      'run.yaml',
      text.replace('shardTokens:', 'shardTokns:').replace('k: 8', 'k: 0').replace('lr: 0.001', 'lr: fast'),
    );
    const lines = text.split('\n');
    const line = (of: string): number => lines.findIndex((l) => l.includes(of)) + 1;
    await refused(
      new RegExp(`run\\.yaml:${line('shardTokens:')}:\\d+.*shardTokns.*did you mean \`shardTokens\``),
      new RegExp(`run\\.yaml:${line('k: 8')}:\\d+.*saes\\[0\\]\\.k.*found 0`),
      new RegExp(`run\\.yaml:${line('lr: 0.001')}:\\d+.*saes\\[0\\]\\.lr.*found "fast"`),
    );
  });

  it('is one JSON document on stdout with --json, with a field for every mistake', async () => {
    project = await createProject({ chapters: 3 });
    const value = parse(await readFile(at('run.yaml'), 'utf8')) as { saes: { k: number }[] };
    await save('run.yaml', stringify({ ...value, seed: 'x', saes: [{ ...value.saes[0], k: 0 }] }));
    const { code, stdout } = await project.assay('run', 'run.yaml', '--json');
    expect(code).toBe(2);
    const document = JSON.parse(stdout) as {
      error: { details: { problems: { field: string }[] } };
    };
    expect(document.error.details.problems.map((p) => p.field).sort()).toEqual(['saes[0].k', 'seed']);
  });

  it('that is not there is refused with its path', async () => {
    project = await createProject({ chapters: 3 });
    const { code, stderr } = await project.assay('run', 'rum.yaml');
    expect(code).toBe(2);
    expect(stderr).toContain('rum.yaml');
  });
});

describe('a wrong corpus', () => {
  it('is refused where a file is missing', async () => {
    await withRun({ corpus: { sources: ['corpsu.jsonl'] } });
    await refused('corpsu.jsonl');
  });

  it('is refused where a gzip file is none', async () => {
    await withRun({ corpus: { sources: ['a.jsonl.gz'] } });
    await save('a.jsonl.gz', 'plain text');
    await refused('a.jsonl.gz is damaged');
  });

  it('is refused where the first line is broken JSON, with the line', async () => {
    await withRun({});
    await save('corpus.jsonl', '\n{"id": "a", "text": \n');
    await refused(/corpus\.jsonl:2: expected a JSON object on the line, found \d+ bytes that are none/);
  });

  it('is refused where the first document is not UTF-8, with line and byte', async () => {
    await withRun({});
    await save(
      'corpus.jsonl',
      Buffer.concat([Buffer.from('{"id":"a","text":"'), Buffer.of(0xff), Buffer.from('"}\n')]),
    );
    await refused(/corpus\.jsonl:1: .*UTF-8/, 'byte offset 18');
  });

  it('is refused where the fields have other names, with the names that there are', async () => {
    await withRun({ corpus: { text: 'body' } });
    await refused(/corpus\.jsonl:1: expected field "body"/, '"text"', 'corpus.text');
  });

  it('is refused where it is empty', async () => {
    await withRun({});
    await save('corpus.jsonl', '\n\n');
    await refused(/expected documents in .*corpus\.jsonl, found a file without a single record/);
  });

  it('is refused where every file is gzip of nothing', async () => {
    await withRun({ corpus: { sources: ['a.jsonl.gz'] } });
    await save('a.jsonl.gz', gzipSync(''));
    await refused(/expected documents in .*a\.jsonl\.gz, found a file without a single record/);
  });
});

describe('a wrong model', () => {
  async function withModel(name: string, content: Uint8Array | string): Promise<void> {
    await withRun({ model: { onnx: name } });
    await save(name, content);
  }

  async function tinyModel(change: (model: ModelProto) => ModelProto): Promise<Uint8Array> {
    const model = decodeModel(await readFile(path.join(TINY_LM, 'model.onnx')));
    return joinChunks(encodeModel(change(model)));
  }

  it('is refused where it is not ONNX', async () => {
    await withModel('m.onnx', 'PK\u0003\u0004 a zip file');
    await refused('m.onnx', 'Not a whole ONNX model', 'export it anew');
  });

  it('is refused with an opset that is too new, and says which to export', async () => {
    const bytes = await tinyModel((model) => ({
      ...model,
      opsetImport: model.opsetImport.map((entry) => ({ ...entry, version: 99 })),
    }));
    await withModel('m.onnx', bytes);
    await refused('m.onnx: Expected ONNX opset 7 to 26', 'found opset 99', 'opset_version=20');
  });

  it('is refused with an operator that ONNX Runtime does not know, by name', async () => {
    const bytes = await tinyModel((model) => {
      const graph = graphOf(model);
      const first = graph.node.findIndex((node) => node.opType === 'LayerNormalization');
      const last = graph.node.findIndex(
        (node) => node.opType === 'Gelu' || node.opType === 'Tanh' || node.opType === 'Erf',
      );
      const target = last < 0 ? first : last;
      const node = graph.node.map((n, i) => (i === target ? { ...n, opType: 'FancyActivation' } : n));
      return { ...model, graph: { ...graph, node } };
    });
    await withModel('m.onnx', bytes);
    await refused('m.onnx: ', 'No Op registered for FancyActivation', 'Export the model anew');
  });

  it('is refused with weights outside its folder, by name or behind a link', async () => {
    const bytes = await tinyModel((model) => {
      const graph = graphOf(model);
      const initializer = graph.initializer.map((tensor) => {
        if ((tensor.rawData?.length ?? 0) < 10_000) return tensor;
        const { rawData: _bytes, ...rest } = tensor;
        return {
          ...rest,
          dataLocation: 1,
          externalData: [{ key: 'location', value: '../secret.bin' }],
        };
      });
      return { ...model, graph: { ...graph, initializer } };
    });
    await withModel('m.onnx', bytes);
    await refused('Expected external weights inside the folder of', '../secret.bin', 'Copy the file beside the model');
  });

  it('is refused with weights behind a link that leads outside', async () => {
    const bytes = await tinyModel((model) => {
      const graph = graphOf(model);
      const initializer = graph.initializer.map((tensor) => {
        if ((tensor.rawData?.length ?? 0) < 10_000) return tensor;
        const { rawData: _bytes, ...rest } = tensor;
        return { ...rest, dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] };
      });
      return { ...model, graph: { ...graph, initializer } };
    });
    project = await createProject({ chapters: 3, run: { model: { onnx: 'm/m.onnx' } } });
    await mkdir(at('m'));
    await save('m/m.onnx', bytes);
    await save('secret.bin', Buffer.alloc(1000));
    await symlink(at('secret.bin'), at('m/w.bin'));
    await refused('w.bin', 'a symbolic link leads there');
  });

  it('is refused where the tokenizer has more ids than it embeds, with both numbers', async () => {
    await withRun({ model: { tokenizer: 'tokenizer.json' } });
    const tokenizer = JSON.parse(await readFile(TOKENIZER, 'utf8')) as {
      model: { vocab: Record<string, number> };
    };
    const { vocab } = tokenizer.model;
    const size = Math.max(...Object.values(vocab)) + 1;
    for (let extra = 0; extra < 5000; extra++) vocab[`<extra ${extra}>`] = size + extra;
    await save('tokenizer.json', JSON.stringify(tokenizer));
    const text = await refused(
      /has \d+ token ids, the model .* embeds only \d+/,
      'the tokenizer that belongs to the model',
    );
    expect(text).toContain(at('tokenizer.json'));
  });

  it('is refused where contexts are longer than its position table, with both numbers', async () => {
    await withRun({ model: { contextTokens: 4096 }, activations: { batchTokens: 8192 } });
    await refused(
      /model\.contextTokens is 4096, but the model's position table has \d+ rows/,
      /Set model\.contextTokens to \d+ or less/,
    );
  });

  it('is refused where a site does not exist, with the nearest names', async () => {
    await withRun({ activations: { hooks: ['blocks.2.hook_resid_pots'] }, saes: [] });
    await refused('"blocks.2.hook_resid_pots"', 'blocks.2.hook_resid_post', 'assay model inspect');
  });

  it('is refused where a dictionary reads a site that is not stored', async () => {
    const [sae] = runOf()['saes'] as Record<string, unknown>[];
    await withRun({ saes: [{ ...sae, hook: 'blocks.1.hook_resid_post' }] });
    await refused('blocks.1.hook_resid_post');
  });

  it('is refused by `plan` in the same words', async () => {
    await withRun({ model: { onnx: 'm.onnx' } });
    await copyFile(TOKENIZER, at('m.onnx'));
    const { code, stderr } = await project.assay('plan', 'run.yaml');
    expect(code).toBe(2);
    expect(stderr).toContain('m.onnx');
    expect(existsSync(at('data'))).toBe(false);
  });
});
