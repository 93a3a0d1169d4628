// Rules that tie several fields of a training file together. They read plain data and pass over fields of a wrong type,
// so that they speak in the same breath as the schema.
import type { JsonSchemaNode } from './json-schema.js';
import { repeated, shown, type FieldPath, type Finding } from './problem.js';
import { fieldsOf, type Fields } from './fields.js';
import { storeUrl } from './rules.js';

/** Everything that the cross-field rules find wrong. */
export function trainingRuleFindings(input: { readonly value: unknown; readonly schema: JsonSchemaNode }): Finding[] {
  const fields = fieldsOf(input);
  return [storeUrl, sources, modelList, modelNames, ...MODEL_RULES.map(each)].flatMap((rule) => rule(fields));
}

type Rule = (fields: Fields) => Finding[];

function sources(fields: Fields): Finding[] {
  const [corpus, tokens, tokenizer] = ['corpus', 'tokens', 'tokenizer'].map((key) => fields.get(key) !== undefined);
  const findings: Finding[] = [];
  if (corpus === tokens)
    findings.push({
      path: corpus ? ['tokens'] : [],
      expected: 'either `corpus` or `tokens`',
      found: corpus ? 'both' : 'neither',
      remedy: corpus
        ? 'remove one of the two'
        : 'describe the text under `corpus`, or name a finished run under `tokens`',
    });
  if (corpus && !tokenizer)
    findings.push({
      path: [],
      expected: '`tokenizer` beside `corpus`',
      found: 'none',
      remedy: 'add the path of tokenizer.json',
    });
  if (tokens && !corpus && tokenizer)
    findings.push({
      path: ['tokenizer'],
      expected: 'no tokenizer beside `tokens`',
      found: shown(fields.get('tokenizer')),
      remedy: 'remove it: the run that `tokens` names has one',
    });
  return findings;
}

function modelList(fields: Fields): Finding[] {
  const [one, many] = ['model', 'models'].map((key) => fields.get(key) !== undefined);
  if (one !== many) return [];
  return [
    {
      path: one ? ['models'] : [],
      expected: 'either `model` or `models`',
      found: one ? 'both' : 'neither',
      remedy: one ? 'put the one model into the list' : 'say what to train',
    },
  ];
}

function modelNames(fields: Fields): Finding[] {
  const names = fields.list('models').map((_, i) => fields.get('models', i, 'name'));
  return repeated(names).map((i) => ({
    path: ['models', i, 'name'],
    expected: 'each name once',
    found: shown(names[i]),
    remedy: 'give this model another name',
  }));
}

/** The fields of one model and of its training, whose own fields go before the shared ones. */
interface ModelFields {
  readonly path: FieldPath;
  number(key: string): number | null;
  get(key: string): unknown;
  training(...key: string[]): { readonly value: unknown; readonly path: FieldPath };
}

type ModelRule = (model: ModelFields) => Finding[];

const MODEL_RULES: readonly ModelRule[] = [headWidth, keyValueHeads, budget, warmup, splitsOnce];

function each(rule: ModelRule): Rule {
  return (fields) => {
    const paths: FieldPath[] = fields.list('models').map((_, i) => ['models', i]);
    if (fields.get('model') !== undefined) paths.push(['model']);
    const findings = paths.flatMap((path) => rule(modelFields(fields, path)));
    // A mistake in the shared section is one mistake, however many models there are.
    const seen = new Set<string>();
    return findings.filter((finding) => {
      const text = JSON.stringify(finding);
      return seen.has(text) ? false : seen.add(text);
    });
  };
}

function modelFields(fields: Fields, path: FieldPath): ModelFields {
  return {
    path,
    number: (key) => fields.number(...path, key),
    get: (key) => fields.get(...path, key),
    training: (...key) => {
      const own = [...path, 'training', ...key];
      const value = fields.get(...own);
      const shared = ['training', ...key];
      return value === undefined ? { value: fields.get(...shared), path: shared } : { value, path: own };
    },
  };
}

function headWidth(model: ModelFields): Finding[] {
  const width = model.number('width');
  const heads = model.number('heads');
  if (width === null || heads === null || heads <= 0) return [];
  const own = model.number('headWidth');
  const llama = model.get('architecture') === 'llama';
  if (own !== null && !llama && own * heads !== width)
    return [
      {
        path: [...model.path, 'headWidth'],
        expected: `none, or width / heads (${width / heads}), with architecture gpt2`,
        found: String(own),
        remedy: 'remove it, or take architecture: llama',
      },
    ];
  if (own === null && width % heads !== 0)
    return [
      {
        path: [...model.path, 'heads'],
        expected: `a number that divides width (${width})`,
        found: String(heads),
        remedy: `every head has width / heads values; take one of ${divisors(width).join(', ')}`,
      },
    ];
  const headWidth = own ?? width / heads;
  if (!llama || headWidth % 2 === 0) return [];
  return [
    {
      path: [...model.path, own === null ? 'heads' : 'headWidth'],
      expected: 'an even width per head',
      found: own === null ? `${width} / ${heads} = ${headWidth}` : String(own),
      remedy: 'rotary positions turn pairs of values',
    },
  ];
}

const MOST_DIVISORS = 12;

function divisors(n: number): number[] {
  const found: number[] = [];
  for (let d = 1; d <= n && found.length < MOST_DIVISORS; d++) if (n % d === 0) found.push(d);
  return found;
}

function keyValueHeads(model: ModelFields): Finding[] {
  const heads = model.number('heads');
  const own = model.number('keyValueHeads');
  if (heads === null || own === null || own <= 0) return [];
  const path = [...model.path, 'keyValueHeads'];
  if (model.get('architecture') === 'gpt2' && own !== heads)
    return [
      {
        path,
        expected: `none, or heads (${heads}), with architecture gpt2`,
        found: String(own),
        remedy: 'remove it, or take architecture: llama',
      },
    ];
  if (heads % own === 0) return [];
  return [
    {
      path,
      expected: `a number that divides heads (${heads})`,
      found: String(own),
      remedy: 'every key and value head serves heads / keyValueHeads queries',
    },
  ];
}

function budget(model: ModelFields): Finding[] {
  const steps = model.training('steps');
  const tokens = model.training('tokens');
  // A model's own budget stands in for a shared one of the other kind.
  const own = [steps, tokens].filter(({ value, path }) => value !== undefined && path.length > 2);
  const given = own.length > 0 ? own : [steps, tokens].filter(({ value }) => value !== undefined);
  if (given.length === 0)
    return [
      {
        path: ['training'],
        expected: '`steps` or `tokens`',
        found: 'neither',
        remedy: 'say how long to train',
      },
    ];
  if (given.length === 2)
    return [
      {
        path: tokens.path,
        expected: 'either `steps` or `tokens`',
        found: 'both',
        remedy: 'remove one of the two',
      },
    ];
  const batch = model.training('batch').value;
  const context = model.number('contextTokens');
  if (given[0] !== tokens || typeof tokens.value !== 'number' || typeof batch !== 'number') return [];
  if (context === null || tokens.value <= 0 || tokens.value >= batch * context) return [];
  return [
    {
      path: tokens.path,
      expected: `at least batch · contextTokens (${batch * context})`,
      found: String(tokens.value),
      remedy: 'a training takes one step or more',
    },
  ];
}

function warmup(model: ModelFields): Finding[] {
  const warmupSteps = model.training('schedule', 'warmupSteps');
  const steps = model.training('steps').value;
  if (typeof warmupSteps.value !== 'number' || typeof steps !== 'number') return [];
  if (warmupSteps.value <= steps) return [];
  return [
    {
      path: warmupSteps.path,
      expected: `at most steps (${steps})`,
      found: String(warmupSteps.value),
      remedy: 'the warm-up is a part of the training',
    },
  ];
}

function splitsOnce(model: ModelFields): Finding[] {
  const { value, path } = model.training('splits');
  if (!Array.isArray(value)) return [];
  return repeated(value).map((i) => ({
    path: [...path, i],
    expected: 'each split once',
    found: shown(value[i]),
    remedy: 'remove the second one',
  }));
}
