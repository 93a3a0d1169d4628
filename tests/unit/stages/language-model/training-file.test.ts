// What a wrong training file gets: every mistake at once, with line, field, what was expected and found, and a remedy.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { ACTIVATION_NAMES, ARCHITECTURE_NAMES } from '../../../../core/language-model/model-spec.js';
import { OPTIMISER_NAMES } from '../../../../core/optimise/optimisers/optimiser.js';
import { SCHEDULE_KINDS } from '../../../../core/optimise/schedule.js';
import { InputError } from '../../../../schemas/errors.js';
import { resolveModelTraining, resolveSpec } from '../../../../pipeline/resolve/resolve-model.js';
import {
  loadTrainingFile,
  parseTrainingFile,
  trainingFileJsonSchema,
} from '../../../../pipeline/files/training-file.js';
import { jsonSchemaText, nodeAt } from '../../../../pipeline/files/json-schema.js';

const GOOD = `name: tiny
tokenizer: tokenizer.json
corpus: { sources: [corpus.jsonl] }
model: { name: small, architecture: gpt2, layers: 2, width: 64, heads: 4 }
training: { steps: 100 }
`;

function refusal(text: string): string[] {
  try {
    parseTrainingFile(text, 't.yaml');
  } catch (error) {
    if (error instanceof InputError) return error.message.split('\n');
    throw error;
  }
  throw new TypeError('expected the file to be refused');
}

/** Replaces one piece of the good file; each must be found. */
function wrong(...changes: readonly (readonly [string, string])[]): string[] {
  let text = GOOD;
  for (const [before, after] of changes) {
    expect(text).toContain(before);
    text = text.replace(before, after);
  }
  return refusal(text);
}

describe('a training file', () => {
  it('is filled with defaults', () => {
    const file = parseTrainingFile(GOOD, 't.yaml');
    expect(file.training).toMatchObject({
      ...{ steps: 100, batch: 32, splits: ['fit'], order: 'shuffled', sampling: 'epochs' },
      optimiser: { name: 'adamw', betas: [0.9, 0.95], epsilon: 1e-8 },
      schedule: { lr: 1e-3, decay: 'cosine', finalFraction: 0.1 },
    });
    expect(file.compute).toEqual({
      ...{ device: 'auto', threadsPerSession: 1, children: null, checkpointSeconds: 60 },
    });
  });

  it.each([
    [
      'a width that its heads do not divide',
      [['heads: 4', 'heads: 5']],
      't.yaml:4:72  model.heads: expected a number that divides width (64), found 5 — every head has width / heads values; take one of 1, 2, 4, 8, 16, 32, 64',
    ],
    [
      'an unknown architecture',
      [['architecture: gpt2', 'architecture: gpt3']],
      't.yaml:4:37  model.architecture: expected one of gpt2, llama, found "gpt3" — did you mean `gpt2`?',
    ],
    [
      'an odd width per head where positions are rotary',
      [
        ['gpt2', 'llama'],
        ['width: 64', 'width: 12'],
      ],
      't.yaml:4:73  model.heads: expected an even width per head, found 12 / 4 = 3 — rotary positions turn pairs of values',
    ],
    [
      'grouped heads in gpt2',
      [['heads: 4', 'heads: 4, keyValueHeads: 2']],
      't.yaml:4:90  model.keyValueHeads: expected none, or heads (4), with architecture gpt2, found 2 — remove it, or take architecture: llama',
    ],
    [
      'key and value heads that do not divide the heads',
      [
        ['gpt2', 'llama'],
        ['heads: 4', 'heads: 4, keyValueHeads: 3'],
      ],
      't.yaml:4:91  model.keyValueHeads: expected a number that divides heads (4), found 3 — every key and value head serves heads / keyValueHeads queries',
    ],
    [
      'a head width of its own in gpt2',
      [['heads: 4', 'heads: 4, headWidth: 32']],
      't.yaml:4:86  model.headWidth: expected none, or width / heads (16), with architecture gpt2, found 32 — remove it, or take architecture: llama',
    ],
    [
      'no budget',
      [['steps: 100', 'batch: 8']],
      't.yaml:5:11  training: expected `steps` or `tokens`, found neither — say how long to train',
    ],
    [
      'two budgets',
      [['steps: 100', 'steps: 100, tokens: 100000']],
      't.yaml:5:33  training.tokens: expected either `steps` or `tokens`, found both — remove one of the two',
    ],
    [
      'a budget below one step',
      [['steps: 100', 'tokens: 100']],
      't.yaml:5:21  training.tokens: expected at least batch · contextTokens (4096), found 100 — a training takes one step or more',
    ],
    [
      'a warm-up longer than the training',
      [['steps: 100', 'steps: 100, schedule: { warmupSteps: 200 }']],
      't.yaml:5:50  training.schedule.warmupSteps: expected at most steps (100), found 200 — the warm-up is a part of the training',
    ],
    [
      'a split twice',
      [['steps: 100', 'steps: 100, splits: [fit, fit]']],
      't.yaml:5:39  training.splits[1]: expected each split once, found "fit" — remove the second one',
    ],
    [
      'batches without a tensor',
      [['steps: 100', 'steps: 100, batches: b.safetensors']],
      't.yaml:5:34  training.batches: expected FILE#TENSOR, found "b.safetensors" — batches is: FILE#TENSOR: a safetensors file and its integer tensor [steps, batch] of offsets into the training stream, where each context begins; instead of sampling',
    ],
    [
      'a corpus and the tokens of a run',
      [['corpus:', 'tokens: other\ncorpus:']],
      't.yaml:3:9  tokens: expected either `corpus` or `tokens`, found both — remove one of the two',
    ],
    [
      'no text at all',
      [['corpus: { sources: [corpus.jsonl] }\n', '']],
      't.yaml:1:1  expected either `corpus` or `tokens`, found neither — describe the text under `corpus`, or name a finished run under `tokens`',
    ],
    [
      'a corpus without a tokenizer',
      [['tokenizer: tokenizer.json\n', '']],
      't.yaml:1:1  expected `tokenizer` beside `corpus`, found none — add the path of tokenizer.json',
    ],
    [
      'no model',
      [['model: { name: small, architecture: gpt2, layers: 2, width: 64, heads: 4 }\n', '']],
      't.yaml:1:1  expected either `model` or `models`, found neither — say what to train',
    ],
    [
      'a misspelt field',
      [['steps: 100', 'steps: 100, optimizer: { name: sgd }']],
      't.yaml:5:25  training.optimizer: expected one of the fields steps, tokens, batch, optimiser, schedule, clipNorm, logEverySteps, validateEverySteps, splits, order, prepend, sampling, batches, lossWeights, found the unknown field `optimizer` — did you mean `optimiser`?',
    ],
    [
      'a store of another kind',
      [['name: tiny', 'name: tiny\nstore: https://host/bucket']],
      't.yaml:2:8  store: expected file://folder or s3://bucket/prefix, found "https://host/bucket" — write s3://bucket/prefix and put the address into storeOptions.endpoint',
    ],
  ] as const)('%s is refused', (_, changes, message) => {
    expect(wrong(...changes)).toEqual([message]);
  });

  it('tells all mistakes at once, each once, in the order of the file', () => {
    const text = `name: a b
tokens: other
tokenizer: tokenizer.json
models:
  - { name: m, architecture: gpt2, layers: 0, width: 10, heads: 4 }
  - { name: m, architecture: llama, layers: 1, width: 8, heads: 2, training: { steps: 5 } }
training: { batch: 0 }
`;
    expect(refusal(text).map((line) => /^t\.yaml:(\d+:\d+ {2}[^:]*):/.exec(line)?.[1])).toEqual([
      '1:7  name',
      '3:12  tokenizer',
      '5:44  models[0].layers',
      '5:65  models[0].heads',
      '6:13  models[1].name',
      '7:11  training',
      '7:20  training.batch',
    ]);
  });

  it('refuses credentials and files that are none', async () => {
    expect(wrong(['name: tiny', 'name: tiny\nsecret: hunter2'])[0]).toContain(
      'expected no credentials in a training file',
    );
    await expect(loadTrainingFile('/nowhere/t.yaml')).rejects.toThrow(
      '/nowhere/t.yaml: expected a training file (YAML or JSON), found no such file',
    );
  });
});

describe('the fields of one model', () => {
  const models = `name: tiny
tokenizer: tokenizer.json
corpus: { sources: [corpus.jsonl] }
models:
  - { name: a, architecture: llama, layers: 1, width: 48, heads: 4, training: { schedule: { lr: 0.5 }, tokens: 10240 } }
  - { name: b, architecture: gpt2, layers: 1, width: 8, heads: 2 }
training: { steps: 7, batch: 4, schedule: { lr: 0.1, warmupSteps: 3 }, lossWeights: { field: spans } }
`;

  it('go before the shared ones, field by field; the rest stays', () => {
    const file = parseTrainingFile(models, 't.yaml');
    const [a, b] = (file.models ?? []).map((model) => resolveModelTraining(file.training, model));
    // 10,240 tokens of 4 · 128 a step.
    expect(a).toMatchObject({ steps: 20, schedule: { lr: 0.5, warmupSteps: 3 } });
    expect(b).toMatchObject({ steps: 7, schedule: { lr: 0.1, warmupSteps: 3 } });
    expect(a?.lossWeights).toEqual({ field: 'spans', default: 1 });
  });

  it('that are left out follow from the architecture', () => {
    const file = parseTrainingFile(models, 't.yaml');
    const [a, b] = (file.models ?? []).map((model) => resolveSpec(model, 100));
    expect(a).toMatchObject({ tied: false, activation: 'silu', mlpWidth: 128, headWidth: 12 });
    expect(b).toMatchObject({ tied: true, activation: 'gelu_tanh', mlpWidth: 32, vocabulary: 100 });
  });

  it('must give the embedding a row per token', () => {
    const file = parseTrainingFile(GOOD.replace('heads: 4', 'heads: 4, vocabulary: 50'), 't.yaml');
    expect(() => file.model && resolveSpec(file.model, 100)).toThrow(
      'Model "small": expected a vocabulary of at least 100, the tokenizer\'s number of ids, found 50; raise it or leave it out.',
    );
  });
});

describe('the JSON Schema of the training file', () => {
  const schema = trainingFileJsonSchema();

  it('is checked in as it is generated: else run `npm run schemas`', async () => {
    const url = new URL('../../../../schemas/json-schema/training-file.schema.json', import.meta.url);
    expect(await readFile(url, 'utf8')).toBe(jsonSchemaText(schema));
  });

  it('names the architectures, activations, optimisers and schedules that the core has', () => {
    const values = (...path: string[]): unknown => nodeAt(schema, path)?.enum;
    expect(values('model', 'architecture')).toEqual(ARCHITECTURE_NAMES);
    const activation = nodeAt(schema, ['model', 'activation']);
    expect(activation?.anyOf?.[0]?.enum).toEqual(ACTIVATION_NAMES);
    expect([...(values('training', 'optimiser', 'name') as string[])].sort()).toEqual([...OPTIMISER_NAMES].sort());
    expect([...(values('training', 'schedule', 'decay') as string[])].sort()).toEqual([...SCHEDULE_KINDS].sort());
  });
});
