// Weights in other files: whatever a model says of them, only files in its own folder are opened, and they are read as streams.
import { linkSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { decodeModel, encodeModel, joinChunks } from '../../../../core/onnx/codec.js';
import { externalReferences, relocate } from '../../../../core/onnx/external-data.js';
import { makeExternalTensor, makeGraph, makeModel, makeNode } from '../../../../core/onnx/make.js';
import type { ModelProto, TensorProto } from '../../../../core/onnx/proto.js';
import { InputError } from '../../../../schemas/errors.js';
import { hashFile, modelFiles } from '../../../../models/model-files.js';
import { temporaryFolder } from '../../../harness/temporary-folder.js';

/** sha256 of 2^29 zero bytes, from `head -c 536870912 /dev/zero | sha256sum`. */
const ZEROS = '9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767';

const root = temporaryFolder('external');
const folder = path.join(root, 'model');
const file = path.join(folder, 'model.onnx');

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(path.join(folder, 'sub'), { recursive: true });
  writeFileSync(path.join(root, 'secret.bin'), new Uint8Array(64));
  writeFileSync(path.join(folder, 'w.bin'), new Uint8Array(64));
});

type Entry = Readonly<Record<string, string>>;

function weight(entries: Entry, change: Partial<TensorProto> = {}): TensorProto {
  const at = { dtype: 'float32', location: 'w.bin', offset: 0, length: 16 } as const;
  const tensor = makeExternalTensor('w', [2, 2], at);
  const externalData = Object.entries(entries).map(([key, value]) => ({ key, value }));
  return { ...tensor, externalData, ...change };
}

/** The model's files as the engine finds them. */
async function open(initializer: TensorProto[]): Promise<readonly string[]> {
  const model = makeModel(makeGraph({ node: [], output: [], initializer }));
  const bytes = joinChunks(encodeModel(model));
  writeFileSync(file, bytes);
  return (await modelFiles(file, bytes, decodeModel(bytes))).map(({ location }) => location);
}

async function refusal(entries: Entry, change: Partial<TensorProto> = {}): Promise<string> {
  const error: unknown = await open([weight(entries, change)]).then(
    () => 'it was read',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe('a location outside the model', () => {
  it.each([
    '../secret.bin',
    'sub/../../secret.bin',
    '..\\secret.bin',
    'sub\\..\\..\\secret.bin',
    '/etc/passwd',
    '\\etc\\passwd',
    'C:\\secret.bin',
    'C:secret.bin',
    'c:/secret.bin',
    '\\\\host\\share\\w.bin',
    '//host/share/w.bin',
    '..',
  ])('%s is refused', async (location) => {
    expect(await refusal({ location, length: '16' })).toContain(`found "${location}" outside it (weight "w" names it)`);
  });

  it.each([
    ['w.bin\0.png', 'w.bin?.png'],
    ['w\n.bin', 'w?.bin'],
    ['x'.repeat(5000), '(5000 characters)'],
  ])('%j is no name of a file', async (location, shown) => {
    const message = await refusal({ location, length: '16' });
    expect(message).toContain(shown);
    expect(message).toContain('it is no name of a file');
    expect(message.length).toBeLessThan(1000);
  });

  it.each([
    '%2e%2e/secret.bin',
    '..%2fsecret.bin',
    'file:///etc/passwd',
    '~/w.bin',
    '$HOME/w.bin',
    'W.BIN',
    'sub',
    './sub/',
    'w.bin/',
  ])('%s is taken as it stands and not found', async (location) => {
    expect(await refusal({ location, length: '16' })).toContain('No such file');
  });

  it('is refused behind a link of its own or of a folder on the way', async () => {
    symlinkSync(path.join(root, 'secret.bin'), path.join(folder, 'link.bin'));
    symlinkSync(root, path.join(folder, 'out'));
    const text = 'outside it (a symbolic link leads there)';
    expect(await refusal({ location: 'link.bin', length: '16' })).toContain(text);
    expect(await refusal({ location: 'out/secret.bin', length: '16' })).toContain(text);
    symlinkSync(path.join(folder, 'w.bin'), path.join(folder, 'sub', 'inside.bin'));
    expect(await open([weight({ location: 'sub/inside.bin', length: '16' })])).toEqual([
      'model.onnx',
      'sub/inside.bin',
    ]);
  });

  it.each(['.', './', 'sub/..'])('is refused as %s, which is no file', async (location) => {
    const message = await refusal({ location, length: '16' });
    expect(message).toMatch(/found "(\.|\.\/|sub\/\.\.)" outside it/);
    expect(message).not.toContain('Did you mean');
  });

  it('is refused behind a link to a folder without a look at what lies there', async () => {
    symlinkSync(root, path.join(folder, 'out'));
    // A missing file there must not be told from one that exists, nor the folder's names shown.
    for (const location of ['out/secret.bin', 'out/secret', 'out/nothing/at/all']) {
      const message = await refusal({ location, offset: '0', length: '16' });
      expect(message).not.toContain('Did you mean');
      expect(message).toMatch(/leads there|No such file/);
    }
    expect(await refusal({ location: 'out/secret', offset: '0', length: '16' })).toContain(
      '(a symbolic link leads there)',
    );
  });

  it('is refused where it is the model itself, under any name', async () => {
    const text = 'in a file of their own, found the model itself';
    expect(await refusal({ location: 'model.onnx', length: '16' })).toContain(text);
    linkSync(file, path.join(folder, 'other.bin'));
    expect(await refusal({ location: 'other.bin', length: '16' })).toContain(text);
  });

  it('is refused where ONNX Runtime would take it for an address in memory', async () => {
    const place = path.join(folder, '*', '_ORT_MEM_ADDR_');
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, '*'), new Uint8Array(64));
    expect(await refusal({ location: '*/_ORT_MEM_ADDR_/*', length: '16' })).toContain(
      'Expected location, offset and length',
    );
  });

  it('keeps a name that only looks like one outside', async () => {
    writeFileSync(path.join(folder, '..w.bin'), new Uint8Array(64));
    expect(await open([weight({ location: '..w.bin', length: '16' })])).toEqual(['model.onnx', '..w.bin']);
  });
});

describe('offset and length', () => {
  it.each([
    [{ offset: '-1' }, 'offset -1'],
    [{ offset: '0x10' }, 'offset 0x10'],
    [{ offset: ' 8' }, 'offset  8'],
    [{ offset: '1e1' }, 'offset 1e1'],
    [{ offset: '' }, 'offset ,'],
    [{ length: '-16' }, 'length -16'],
    [{ offset: '9007199254740991' }, 'offset 9007199254740991'],
    [{ offset: '99999999999999999999' }, 'offset 99999999999999999999'],
    [{ length: '17' }, 'length 17 instead of 16 as shape and type tell'],
    [{ length: '0' }, 'length 0 instead of 16'],
  ])('%j are refused', async (change: Entry, found) => {
    expect(await refusal({ location: 'w.bin', offset: '0', length: '16', ...change })).toContain(found);
  });

  it('are refused where a key is given twice, because readers differ in which they take', async () => {
    const twice = [...weight({ location: 'w.bin' }).externalData, { key: 'location', value: '../secret.bin' }];
    expect(await refusal({}, { externalData: twice })).toContain('Expected location, offset and length');
  });

  it('are refused beyond the end of the file', async () => {
    expect(await refusal({ location: 'w.bin', offset: '49', length: '16' })).toContain(
      'Expected at least 65 bytes of weights in',
    );
    expect(await refusal({ location: 'w.bin', offset: '49' })).toContain('found 64: the file is cut short');
    expect(await open([weight({ location: 'w.bin', offset: '48' })])).toEqual(['model.onnx', 'w.bin']);
  });

  it.each([
    [[-2, -2], 'the size -2'],
    [[2 ** 40, 2 ** 40], 'elements in tensor "w"'],
  ])('are refused for a tensor of shape %j', async (dims, found) => {
    expect(await refusal({ location: 'w.bin' }, { dims })).toContain(found);
  });

  it('are refused in a file that goes on for ever behind the weights', async () => {
    truncateSync(path.join(folder, 'w.bin'), 2 ** 37);
    expect(await refusal({ location: 'w.bin' })).toContain(
      'of which tensors use the first 16 only: this is another file',
    );
  });
});

describe('references', () => {
  const out = weight({ location: '../secret.bin', length: '16' });
  const empty = { floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  const inner = { ...makeGraph({ node: [], output: [], initializer: [out] }) };
  const lists = { attribute: [], opsetImport: [], valueInfo: [], metadataProps: [], input: [], output: [] };
  const constant = makeNode('Constant', { input: [], output: ['c'], attributes: { value: out } });
  const base = makeModel(makeGraph({ node: [], output: [] }));
  const graph = makeGraph({ node: [], output: [] });
  const hidden: Readonly<Record<string, ModelProto>> = {
    'a sparse initializer': { ...base, graph: { ...graph, sparseInitializer: [{ values: out, dims: [] }] } },
    'the indices of a sparse attribute': {
      ...base,
      graph: {
        ...graph,
        node: [{ ...constant, attribute: [{ name: 'v', ...empty, sparseTensor: { indices: out, dims: [] } }] }],
      },
    },
    'a list of sparse tensors': {
      ...base,
      graph: {
        ...graph,
        node: [{ ...constant, attribute: [{ name: 'v', ...empty, sparseTensors: [{ values: out, dims: [] }] }] }],
      },
    },
    'a list of tensors': {
      ...base,
      graph: { ...graph, node: [{ ...constant, attribute: [{ name: 'v', ...empty, tensors: [out] }] }] },
    },
    'a subgraph': {
      ...base,
      graph: { ...graph, node: [{ ...constant, attribute: [{ name: 'v', ...empty, graphs: [inner] }] }] },
    },
    'a function': { ...base, functions: [{ name: 'f', ...lists, node: [constant], attributeProto: [] }] },
    'a default of a function': {
      ...base,
      functions: [{ name: 'f', ...lists, node: [], attributeProto: [{ name: 'v', ...empty, t: out }] }],
    },
    'a graph for training': {
      ...base,
      trainingInfo: [{ algorithm: inner, initializationBinding: [], updateBinding: [] }],
    },
    'the start of training': {
      ...base,
      trainingInfo: [{ initialization: inner, initializationBinding: [], updateBinding: [] }],
    },
  };

  it.each(Object.keys(hidden))('are found in %s, refused and moved', async (place) => {
    const bytes = joinChunks(encodeModel(hidden[place] as ModelProto));
    const model = decodeModel(bytes);
    expect(externalReferences(model).map(({ location }) => location)).toEqual(['../secret.bin']);
    await expect(modelFiles(file, bytes, model)).rejects.toThrow('found "../secret.bin" outside it');
    const moved = relocate(model, () => 'w.bin');
    expect(externalReferences(moved).map(({ location }) => location)).toEqual(['w.bin']);
  });
});

describe('a large file of weights', () => {
  it('is hashed as a stream', async () => {
    const large = path.join(folder, 'large.bin');
    writeFileSync(large, '');
    truncateSync(large, 2 ** 29);
    const before = process.memoryUsage.rss();
    expect(await hashFile(large)).toBe(ZEROS);
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 27);
  }, 120_000);
});
