// What is wrong with the settings of one dictionary, as far as they tie several fields together. Passes over fields that are not
// there, so that it can judge a file's plain data and what was made of it alike.
import { ARCHITECTURE_NAMES, type ArchitectureName, type Routed } from '../../schemas/dictionaries.js';
import { ARCHITECTURES } from './architectures.js';
import { FAST_RULES } from './fast/rules.js';
import { type GivenKindSettings, type KindProblem, kindProblems } from './settings.js';
import { type DictionarySites, totalFeatures, wiringName } from './sites.js';

export type DictionaryProblem = KindProblem;

/** The fields that are judged, as far as they are known. */
export interface JudgedSettings extends GivenKindSettings {
  readonly architecture: ArchitectureName;
  readonly features?: number | undefined;
  readonly tokens?: number | undefined;
  readonly batchRows?: number | undefined;
  readonly routed?: Routed | undefined;
  readonly slices?: number | undefined;
  readonly candidates?: 'exact' | 'int8' | undefined;
}

/** What the file alone may say of the sites: `same` … as far as its names tell. */
type Wired = Pick<DictionarySites, 'reads' | 'writes' | 'crossLayer'>;

/** Everything that is wrong. @param sites null where they are not known */
export function dictionaryProblems(settings: JudgedSettings, sites: Wired | null): DictionaryProblem[] {
  return [
    ...kindProblems(settings.architecture, settings),
    ...sizeProblems(settings, sites),
    ...divisionProblems(settings),
    ...prefixProblems(settings),
    ...routingProblems(settings, sites),
    ...wiringProblems(settings, sites),
  ];
}

function sizeProblems(
  { features, k, tokens, batchRows, routed }: JudgedSettings,
  sites: Wired | null,
): DictionaryProblem[] {
  const problems: DictionaryProblem[] = [];
  const all = features === undefined || sites === null ? features : totalFeatures(features, { ...sites, widths: [] });
  if (k !== undefined && all !== undefined && k > all) {
    const remedy = 'k of the features may fire on one token';
    problems.push({ field: 'k', expected: `at most features (${String(all)})`, found: String(k), remedy });
  }
  // Frozen experts have trainings of their own, each on its part of the rows.
  const trainings = routed?.kind === 'frozen' ? routed.experts : 1;
  if (tokens !== undefined && batchRows !== undefined && tokens > 0 && tokens < trainings * batchRows) {
    const times = trainings > 1 ? `experts × batchRows (${trainings} × ` : 'batchRows (';
    const expected = `at least ${times}${String(batchRows)})`;
    problems.push({ field: 'tokens', expected, found: String(tokens), remedy: 'a training takes one step or more' });
  }
  return problems;
}

/** Features are divided evenly among experts, and those of an expert among slices. */
function divisionProblems({ features, k, routed, slices = 1 }: JudgedSettings): DictionaryProblem[] {
  if (features === undefined) return [];
  const { experts = 1 } = routed ?? {};
  const each = features / experts;
  if (!Number.isInteger(each)) return [uneven('routed.experts', experts, features)];
  const problems: DictionaryProblem[] = [];
  if (!Number.isInteger(each / slices)) problems.push(uneven('slices', slices, each));
  if (routed && k !== undefined && k > each) {
    const expected = `at most the features of one expert (${String(each)})`;
    problems.push({ field: 'k', expected, found: String(k), remedy: 'one expert sees a token; lower k or experts' });
  }
  return problems;
}

function uneven(field: string, parts: number, features: number): DictionaryProblem {
  const near = [-1, 1].map((way) => nearestDivisor(features, { from: parts, way })).filter((n) => n !== null);
  const remedy = `choose one that divides them, e.g. ${near.join(' or ')}, or other features`;
  return { field, expected: `a divisor of features (${String(features)})`, found: String(parts), remedy };
}

function nearestDivisor(n: number, { from, way }: { readonly from: number; readonly way: number }): number | null {
  for (let divisor = from; divisor >= 1 && divisor <= n; divisor += way) if (n % divisor === 0) return divisor;
  return null;
}

/** Prefixes grow, and the last is the whole dictionary. */
function prefixProblems({ prefixes, features, routed }: JudgedSettings): DictionaryProblem[] {
  if (prefixes === undefined) return [];
  const found = `[${prefixes.join(', ')}]`;
  const falls = prefixes.some((end, i) => end <= (prefixes[i - 1] ?? 0));
  if (falls) {
    const remedy = 'write each prefix once, the shortest first';
    return [{ field: 'prefixes', expected: 'increasing numbers', found, remedy }];
  }
  if (features === undefined) return [];
  const own = routed ? features / routed.experts : features;
  if (prefixes.at(-1) === own || !Number.isInteger(own)) return [];
  const expected = `prefixes that end with ${routed ? 'the features of one expert' : 'features'} (${String(own)})`;
  return [{ field: 'prefixes', expected, found, remedy: 'let the last prefix be all features' }];
}

/** What routing asks of a dictionary. */
function routingProblems(
  { routed, architecture, slices = 1 }: JudgedSettings,
  sites: Wired | null,
): DictionaryProblem[] {
  if (!routed) return [];
  const problems: DictionaryProblem[] = [];
  if (sites && wiringName({ ...sites, widths: [] }) !== 'same') {
    const expected = 'no routing for a dictionary of several sites';
    problems.push({ field: 'routed', expected, found: routed.kind, remedy: 'remove it, or give `hook`' });
  }
  if (routed.kind === 'frozen') {
    if (routed.balance === undefined) return problems;
    const expected = 'nothing for frozen experts, which are balanced before they are trained';
    return [...problems, { field: 'routed.balance', expected, found: String(routed.balance), remedy: 'remove it' }];
  }
  if (architecture !== 'topk') {
    const expected = 'topk for experts with a learned router';
    const remedy = 'write architecture: topk, or routed.kind: frozen, which any kind may have';
    problems.push({ field: 'architecture', expected, found: architecture, remedy });
  }
  if (slices > 1) {
    const expected = 'one slice for experts with a learned router';
    problems.push({ field: 'slices', expected, found: String(slices), remedy: 'remove it' });
  }
  return problems;
}

/** What is expected of a dictionary whose candidates cannot be proposed in 8 bits; null where they can. */
function inexact(architecture: ArchitectureName, routed: Routed | undefined): string | null {
  const able = ARCHITECTURE_NAMES.filter((name) => FAST_RULES[name].trains.choice === 'rows');
  if (!able.includes(architecture)) {
    const why = ARCHITECTURES[architecture].selects
      ? 'which chooses over a whole batch'
      : 'which keeps no fixed number of features';
    return `exact for ${architecture}, ${why} (int8 is for ${able.join(', ')})`;
  }
  return routed?.kind === 'learned' ? 'exact for experts with a learned router' : null;
}

/** What a kind, or the way it reads and writes, has no use for. */
function wiringProblems(
  { architecture, candidates, routed, slices = 1 }: JudgedSettings,
  sites: Wired | null,
): DictionaryProblem[] {
  const problems: DictionaryProblem[] = [];
  const kind = ARCHITECTURES[architecture];
  if (candidates === 'int8') {
    const expected = inexact(architecture, routed);
    if (expected) problems.push({ field: 'candidates', expected, found: 'int8', remedy: 'remove it' });
  }
  const wiring = sites && wiringName({ ...sites, widths: [] });
  if (wiring && kind.lacks?.includes(wiring)) {
    const expected = `a kind that may be ${wiring}`;
    problems.push({ field: 'architecture', expected, found: architecture, remedy: 'choose another, e.g. batchtopk' });
  }
  if (wiring === 'crossLayer' && slices > 1) {
    const expected = 'one slice for a cross-layer dictionary, whose layers have decoders of different sizes';
    problems.push({ field: 'slices', expected, found: String(slices), remedy: 'remove it' });
  }
  return problems;
}
