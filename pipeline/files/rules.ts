// Rules that tie several fields of a run file together. They read plain data and pass over fields of a wrong type,
// so that they speak in the same breath as the schema.
import { isSiteName } from '../../core/hooks/site-names.js';
import { sitePattern } from '../../core/hooks/site-pattern.js';
import { editFindings } from './edit-rules.js';
import { nodeAt } from './json-schema.js';
import type { JsonSchemaNode } from './json-schema.js';
import { KIND_SETTINGS } from '../../core/dictionaries/architecture.js';
import { kindProblems } from '../../core/dictionaries/settings.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { ARCHITECTURE_NAMES } from '../../schemas/dictionaries.js';
import { placeholderFindings } from './placeholders.js';
import type { Purpose } from './placeholders.js';
import type { FieldPath, Finding } from './problem.js';
import { shown } from './problem.js';
import { valueAt } from './shape-findings.js';

export interface RuleInput {
  readonly value: unknown;
  readonly schema: JsonSchemaNode;
  readonly purpose: Purpose;
}

/** A file's plain data with defaults, by path. */
export interface Fields {
  get(...path: FieldPath): unknown;
  number(...path: FieldPath): number | null;
  text(...path: FieldPath): string | null;
  list(...path: FieldPath): readonly unknown[];
}

type Rule = (fields: Fields) => Finding[];

const RULES: readonly Rule[] = [
  modelFiles,
  trainedModel,
  storeUrl,
  hooksOnce,
  saeHooks,
  saeNames,
  saeSizes,
  saeKinds,
  positions,
  batchHoldsContext,
];

/** Everything that the cross-field rules find wrong. */
export function ruleFindings(input: RuleInput): Finding[] {
  const fields = fieldsOf(input);
  return [
    ...RULES.flatMap((rule) => rule(fields)),
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

/** Fields with the schema's defaults filled in. */
export function fieldsOf({ value, schema }: Pick<RuleInput, 'value' | 'schema'>): Fields {
  const get = (...path: FieldPath): unknown => valueAt(value, path) ?? nodeAt(schema, path)?.default;
  return {
    get,
    number: (...path) => {
      const found = get(...path);
      return typeof found === 'number' && Number.isFinite(found) ? found : null;
    },
    text: (...path) => {
      const found = get(...path);
      return typeof found === 'string' ? found : null;
    },
    list: (...path) => {
      const found = get(...path);
      return Array.isArray(found) ? (found as readonly unknown[]) : [];
    },
  };
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

function saeHooks(fields: Fields): Finding[] {
  const hooks = fields.list('activations', 'hooks').filter((hook): hook is string => typeof hook === 'string');
  if (hooks.length === 0) return [];
  return fields.list('saes').flatMap((_, index): Finding[] => {
    const path = ['saes', index, 'hook'];
    const hook = fields.text(...path);
    if (hook === null) return [];
    const found = shown(hook);
    if (hook.includes('*')) {
      const expected = 'one site: a dictionary reads one, a pattern can name several';
      return [
        { path, expected, found, remedy: `name one, e.g. ${hook.replaceAll('*', '0')}; one entry per dictionary` },
      ];
    }
    if (hooks.some((pattern) => sitePattern(pattern).test(hook))) return [];
    const expected = `one of activations.hooks (${hooks.join(', ')})`;
    return [{ path, expected, found, remedy: hookRemedy(hook, nearestNames(hook, hooks, 1)[0]) }];
  });
}

/** Which of two names that differ is the misspelt one: the one that no model has. */
function hookRemedy(hook: string, near: string | undefined): string {
  if (near !== undefined && isSiteName(hook) && !isSiteName(near))
    return `did you mean \`${hook}\` in activations.hooks, in place of \`${near}\`?`;
  if (near !== undefined && !isSiteName(hook)) return `did you mean \`${near}\`? else add it to activations.hooks`;
  return near === undefined
    ? 'add it to activations.hooks'
    : `add it to activations.hooks, or read \`${near}\` where that is meant`;
}

function saeNames(fields: Fields): Finding[] {
  const names = fields.list('saes').map((_, index) => fields.get('saes', index, 'name'));
  return repeated(names).map((index) => ({
    path: ['saes', index, 'name'],
    expected: 'each name once',
    found: shown(names[index]),
    remedy: 'give this dictionary another name',
  }));
}

function saeSizes(fields: Fields): Finding[] {
  return fields.list('saes').flatMap((_, index) => {
    const at = (key: string): number | null => fields.number('saes', index, key);
    const [features, k, tokens, batchRows] = [at('features'), at('k'), at('tokens'), at('batchRows')];
    const findings: Finding[] = [];
    if (k !== null && features !== null && k > features) {
      findings.push({
        path: ['saes', index, 'k'],
        expected: `at most features (${String(features)})`,
        found: String(k),
        remedy: 'k of the features may fire on one token',
      });
    }
    if (tokens !== null && batchRows !== null && tokens > 0 && tokens < batchRows) {
      findings.push({
        path: ['saes', index, 'tokens'],
        expected: `at least batchRows (${String(batchRows)})`,
        found: String(tokens),
        remedy: 'a training takes one step or more',
      });
    }
    return findings;
  });
}

/** Settings that only some kinds of dictionaries use: needed there, refused elsewhere. */
function saeKinds(fields: Fields): Finding[] {
  return fields.list('saes').flatMap((_, index) => {
    const architecture = ARCHITECTURE_NAMES.find((name) => name === fields.get('saes', index, 'architecture'));
    if (architecture === undefined) return [];
    const names = [...KIND_SETTINGS, 'auxK'] as const;
    const given = Object.fromEntries(names.map((name) => [name, fields.get('saes', index, name) ?? undefined]));
    return kindProblems(architecture, given).map(({ field, ...finding }) => ({
      ...finding,
      path: ['saes', index, field],
    }));
  });
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

/** Indices of values that stand earlier in the list already. */
export function repeated(values: readonly unknown[]): number[] {
  return values.flatMap((value, index) => (typeof value === 'string' && values.indexOf(value) < index ? [index] : []));
}
