// Rules that tie several fields of a run file together. They read plain data and pass over fields of a wrong type,
// so that they speak in the same breath as the schema.
import { editFindings } from './edit-rules.js';
import type { JsonSchemaNode } from './json-schema.js';
import { dictionaryFindings } from './dictionary-rules.js';
import { type Fields, fieldsOf } from './fields.js';
import { placeholderFindings } from './placeholders.js';
import type { Purpose } from './placeholders.js';
import type { Finding } from './problem.js';
import { repeated, shown } from './problem.js';

export interface RuleInput {
  readonly value: unknown;
  readonly schema: JsonSchemaNode;
  readonly purpose: Purpose;
}

type Rule = (fields: Fields) => Finding[];

const RULES: readonly Rule[] = [modelFiles, trainedModel, storeUrl, hooksOnce, positions, batchHoldsContext];

/** Everything that the cross-field rules find wrong. */
export function ruleFindings(input: RuleInput): Finding[] {
  const fields = fieldsOf(input);
  return [
    ...RULES.flatMap((rule) => rule(fields)),
    ...dictionaryFindings(fields, input.schema),
    ...editFindings(input.value),
    ...placeholderFindings(input.value, input.purpose),
    ...suiteFindings(input.value),
  ];
}

/** A run file is one run; `matrix` and what belongs to it make a suite, which is read otherwise. */
function suiteFindings(value: unknown): Finding[] {
  if (typeof value !== 'object' || value === null) return [];
  const remedy = 'start it with `assay run`, which starts every run of the suite';
  if ('matrix' in value) return [{ path: ['matrix'], expected: 'one run', found: 'a suite', remedy }];
  return ['suite', 'parallel']
    .filter((key) => key in value)
    .map((key) => ({
      path: [key],
      expected: 'a file with `matrix`',
      found: 'none',
      remedy: 'remove it, or add a matrix',
    }));
}

/** The ways to say where a model comes from, by the fields of `model` that they take. */
const MODEL_WAYS = [['onnx', 'tokenizer'], ['folder'], ['tokenizer', 'train']] as const;

function modelFiles(fields: Fields): Finding[] {
  const model = fields.get('model');
  if (typeof model !== 'object' || model === null || Array.isArray(model)) return [];
  const given = ['onnx', 'tokenizer', 'folder', 'train'].filter((key) => fields.get('model', key) !== undefined);
  if (MODEL_WAYS.some((way) => way.length === given.length && way.every((key) => given.includes(key)))) return [];
  const expected = '`onnx` and `tokenizer`, or `folder`, or `tokenizer` and `train`';
  const missing = MODEL_WAYS.flatMap((way) =>
    given.length > 0 && given.every((key) => (way as readonly string[]).includes(key))
      ? way.filter((key) => !given.includes(key))
      : [],
  );
  const [need] = missing;
  const remedy =
    given.length === 0
      ? 'say where the model lies'
      : need === undefined
        ? `remove what is too many: one of ${expected}`
        : { onnx: 'add the path of the ONNX file', tokenizer: 'add the path of tokenizer.json' }[need as 'onnx'];
  const found = given.length === 0 ? 'neither' : given.join(' and ');
  return [{ path: ['model'], expected, found, remedy }];
}

/** A model that is trained in the run has its documents from the run's corpus; only its edits are those of the run. */
function trainedModel(fields: Fields): Finding[] {
  if (fields.get('model', 'train') === undefined) return [];
  const steps = ['model', 'train', 'training', 'steps'];
  const tokens = ['model', 'train', 'training', 'tokens'];
  const [given, budget] = [fields.get(...steps), fields.get(...tokens)];
  if ((given === undefined) !== (budget === undefined)) return [];
  const found = given === undefined ? 'neither' : 'both';
  return [{ path: steps.slice(0, 3), expected: '`steps` or `tokens`', found, remedy: 'say how long to train' }];
}

/** What is wrong with `store` and `storeOptions`. */
export function storeUrl(fields: Fields): Finding[] {
  const store = fields.text('store');
  if (store === null) return [];
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(store)?.[1];
  const bad = scheme !== undefined && scheme !== 'file' && scheme !== 's3';
  if (bad || store === '' || /^s3:\/\/(?:\/|$)/.test(store)) {
    return [
      {
        path: ['store'],
        expected: 'file://folder or s3://bucket/prefix',
        found: shown(store),
        remedy: scheme?.startsWith('http')
          ? 'write s3://bucket/prefix and put the address into storeOptions.endpoint'
          : 'name a folder or a bucket',
      },
    ];
  }
  const options = fields.get('storeOptions');
  if (scheme === 's3' || typeof options !== 'object' || options === null) return [];
  return [
    {
      path: ['storeOptions'],
      expected: 'no storeOptions with a folder as store',
      found: shown(options),
      remedy: 'remove them, or write store: s3://bucket/prefix',
    },
  ];
}

function hooksOnce(fields: Fields): Finding[] {
  return repeated(fields.list('activations', 'hooks')).map((index) => ({
    path: ['activations', 'hooks', index],
    expected: 'each site once',
    found: shown(fields.get('activations', 'hooks', index)),
    remedy: 'remove the second one',
  }));
}

function positions(fields: Fields): Finding[] {
  const contextTokens = fields.number('model', 'contextTokens');
  if (contextTokens === null) return [];
  const dropped = fields.list('activations', 'dropPositions');
  const beyond = dropped.flatMap((position, index) => {
    if (typeof position !== 'number' || position < contextTokens) return [];
    const expected = `a position below model.contextTokens (${String(contextTokens)})`;
    return [
      {
        path: ['activations', 'dropPositions', index],
        expected,
        found: String(position),
        remedy: 'positions count from 0 within a context',
      },
    ];
  });
  if (beyond.length > 0 || new Set(dropped).size < contextTokens) return beyond;
  return [
    {
      path: ['activations', 'dropPositions'],
      expected: 'at least one position that is kept',
      found: `all ${String(contextTokens)} dropped`,
      remedy: 'drop fewer positions',
    },
  ];
}

function batchHoldsContext(fields: Fields): Finding[] {
  const contextTokens = fields.number('model', 'contextTokens');
  const batchTokens = fields.number('activations', 'batchTokens');
  if (contextTokens === null || batchTokens === null || batchTokens >= contextTokens || batchTokens <= 0) return [];
  return [
    {
      path: ['activations', 'batchTokens'],
      expected: `at least model.contextTokens (${String(contextTokens)})`,
      found: String(batchTokens),
      remedy: 'one forward pass takes one whole context or more',
    },
  ];
}
