// Rules that tie the fields of `saes` together: which sites an entry may read and write, what a sweep may do, and what each of its
// dictionaries must be (core/dictionaries/problems.ts). They read plain data and pass over fields of a wrong type.
import { KIND_SETTINGS } from '../../core/dictionaries/architecture.js';
import { type JudgedSettings, dictionaryProblems } from '../../core/dictionaries/problems.js';
import type { DictionarySites } from '../../core/dictionaries/sites.js';
import { type SweptValue, expandSweep, namedFields } from '../../core/dictionaries/sweep.js';
import { isSiteName } from '../../core/hooks/site-names.js';
import { sitePattern } from '../../core/hooks/site-pattern.js';
import { nearestNames } from '../../core/text/nearest-names.js';
import { ARCHITECTURE_NAMES, routedFields } from '../../schemas/dictionaries.js';
import { RESERVED_NAMES, SWEPT } from '../../schemas/sae-section.js';
import { plainName } from '../../schemas/sections.js';
import { type JsonSchemaNode, nodeAt } from './json-schema.js';
import { type FieldPath, type Finding, repeated, shown } from './problem.js';
import type { Fields } from './fields.js';

/** One entry of `saes` as plain data, and where it stands. */
interface Entry {
  readonly index: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Everything that the rules find wrong in `saes`. */
export function dictionaryFindings(fields: Fields, schema: JsonSchemaNode): Finding[] {
  const entries = fields.list('saes').map((value, index): Entry => ({ index, fields: recordOf(value) }));
  const hooks = texts(fields.get('activations', 'hooks'));
  return [
    ...entries.flatMap((entry) => [...siteFindings(entry, hooks), ...sweepFindings(entry)]),
    ...nameFindings(entries),
    ...entries.flatMap((entry) => memberFindings(entry, schema)),
  ];
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

const SITE_FIELDS = ['hook', 'reads', 'writes'] as const;
type SiteField = (typeof SITE_FIELDS)[number];

/** Site names of a field with their places: a name, or a list of names. */
function namesAt({ index, fields }: Entry, field: SiteField): { readonly path: FieldPath; readonly name: string }[] {
  const value = fields[field];
  const path = ['saes', index, field];
  if (typeof value === 'string') return [{ path, name: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((name, i) => (typeof name === 'string' ? [{ path: [...path, i], name }] : []));
}

/** Fields of a dictionary that was trained elsewhere. */
const TAKEN_FIELDS: readonly string[] = ['name', 'from', 'format', ...SITE_FIELDS];

function isTaken({ fields }: Entry): boolean {
  return fields['from'] !== undefined;
}

/** It is applied as it is: nothing of a training may be said of it, and its files may say its sites. */
function takenFindings(entry: Entry, hooks: readonly string[]): Finding[] {
  const given = SITE_FIELDS.filter((field) => entry.fields[field] !== undefined).join();
  const others = Object.keys(entry.fields).filter((field) => !TAKEN_FIELDS.includes(field));
  const strange = others.map((field) => ({
    path: ['saes', entry.index, field],
    expected: `none beside \`from\`: a dictionary that was trained elsewhere is applied as it is`,
    found: shown(entry.fields[field]),
    remedy: `remove ${field}`,
  }));
  const ways = ['', 'hook', 'reads,writes'].includes(given)
    ? []
    : [
        {
          path: ['saes', entry.index, 'hook'],
          expected: '`hook` alone, or `reads` and `writes` together',
          found: given.split(',').join(' and '),
          remedy: 'give one or the other, or none where its files say the site',
        },
      ];
  return [...strange, ...ways, ...SITE_FIELDS.flatMap((field) => namesFindings(entry, field, hooks))];
}

/** How an entry says what it reads and writes. */
function siteFindings(entry: Entry, hooks: readonly string[]): Finding[] {
  const given = SITE_FIELDS.filter((field) => entry.fields[field] !== undefined);
  if (isTaken(entry)) return takenFindings(entry, hooks);
  const whole = given.join() === 'hook' || given.join() === 'reads,writes';
  const found = given.length === 0 ? 'none of them' : given.map((field) => `\`${field}\``).join(' and ');
  const remedy = given.includes('hook') ? 'remove `hook`, or the others' : 'say what it reads and what it writes';
  const path = ['saes', entry.index, ...(given[0] === undefined ? ['hook'] : [given[0]])];
  const ways = whole ? [] : [{ path, expected: '`hook`, or `reads` and `writes`', found, remedy }];
  if (entry.fields['format'] !== undefined)
    ways.push({
      path: ['saes', entry.index, 'format'],
      expected: 'no format without `from`',
      found: shown(entry.fields['format']),
      remedy: 'add `from`, or remove `format`',
    });
  return [...ways, ...SITE_FIELDS.flatMap((field) => namesFindings(entry, field, hooks)), ...listFindings(entry)];
}

function namesFindings(entry: Entry, field: SiteField, hooks: readonly string[]): Finding[] {
  const inList = Array.isArray(entry.fields[field]);
  return namesAt(entry, field).flatMap(({ path, name }): Finding[] => {
    const found = shown(name);
    if (name.includes('*') && !inList) {
      const expected = 'one site: a dictionary reads one, a pattern can name several';
      const several = field === 'hook' ? 'one entry per dictionary' : `or a list: ${field}: [${found}]`;
      return [{ path, expected, found, remedy: `name one, e.g. ${name.replaceAll('*', '0')}; ${several}` }];
    }
    // Which sites a pattern names is known when the model is read.
    if (hooks.length === 0 || name.includes('*') || hooks.some((pattern) => sitePattern(pattern).test(name))) return [];
    const expected = `one of activations.hooks (${hooks.join(', ')})`;
    return [{ path, expected, found, remedy: hookRemedy(name, nearestNames(name, hooks, 1)[0]) }];
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

/** Lists of sites against each other, `skip` and `crossLayer`, as far as no pattern hides their lengths. */
function listFindings(entry: Entry): Finding[] {
  const { index, fields } = entry;
  const [reads, writes] = [namesAt(entry, 'reads'), namesAt(entry, 'writes')];
  const twice = [reads, writes].flatMap((list) =>
    repeated(list.map(({ name }) => name)).map((at) => ({
      path: list[at]?.path ?? [],
      expected: 'each site once',
      found: shown(list[at]?.name),
      remedy: 'remove the second one',
    })),
  );
  const patterns = [...reads, ...writes].some(({ name }) => name.includes('*'));
  if (patterns || (fields['hook'] === undefined && (reads.length === 0 || writes.length === 0))) return twice;
  return [
    ...twice,
    ...wayFindings(
      { index, fields },
      [reads, writes].map((list) => list.map(({ name }) => name)),
    ),
  ];
}

function wayFindings({ index, fields }: Entry, [reads = [], writes = []]: readonly (readonly string[])[]): Finding[] {
  const found = `${reads.length} read and ${writes.length} written`;
  const one = reads.length === 1 && writes.length === 1 && reads[0] !== writes[0];
  const findings: Finding[] = [];
  if (fields['skip'] === true && !one)
    findings.push({
      path: ['saes', index, 'skip'],
      expected: 'a dictionary that reads one site and writes another',
      found: fields['hook'] === undefined ? found : 'one site, read and written',
      remedy: 'remove `skip`, or give `reads` and `writes`',
    });
  if (fields['crossLayer'] === true && (reads.length < 2 || reads.length !== writes.length))
    findings.push({
      path: ['saes', index, 'writes'],
      expected: 'as many sites as `reads` has, two or more: those of one layer at the same place',
      found,
      remedy: 'name both sites of each layer, or remove `crossLayer`',
    });
  return findings;
}

/** A sweep varies fields that the entry does not have, and its names tell its dictionaries apart. */
function sweepFindings({ index, fields }: Entry): Finding[] {
  const name = typeof fields['name'] === 'string' ? fields['name'] : '';
  const swept = Object.keys(recordOf(fields['sweep']));
  const path = ['saes', index, 'name'];
  const strange = namedFields(name).filter((field) => !swept.includes(field));
  const findings: Finding[] = strange.map((field) => ({
    path,
    expected: swept.length > 0 ? `{{field}} of a swept field (${swept.join(', ')})` : 'no placeholder without `sweep`',
    found: `{{${field}}}`,
    remedy: (SWEPT as readonly string[]).includes(field) ? `add \`${field}\` to \`sweep\`` : 'write it out',
  }));
  const unnamed = swept.filter((field) => !namedFields(name).includes(field));
  if (unnamed.length > 0 && name !== '')
    findings.push({
      path,
      expected: `a name with ${unnamed.map((field) => `{{${field}}}`).join(' and ')}`,
      found: shown(name),
      remedy: 'each dictionary of a sweep needs a name of its own',
    });
  for (const field of swept.filter((own) => own in fields))
    findings.push({
      path: ['saes', index, field],
      expected: 'no value beside the ones in `sweep`',
      found: shown(fields[field]),
      remedy: 'remove one of the two',
    });
  return findings;
}

/** The dictionaries of an entry as plain data. */
function membersOf({ fields }: Entry): Readonly<Record<string, unknown>>[] {
  const sweep = Object.entries(recordOf(fields['sweep'])).filter(([, values]) => Array.isArray(values));
  const name = typeof fields['name'] === 'string' ? fields['name'] : '';
  return expandSweep({ ...fields, name, sweep: Object.fromEntries(sweep) as Record<string, readonly SweptValue[]> });
}

/** Names once they are written out. */
function nameFindings(entries: readonly Entry[]): Finding[] {
  const names = entries.flatMap((entry) =>
    membersOf(entry).flatMap(({ name }) => (typeof name === 'string' && name !== '' ? [{ name, entry }] : [])),
  );
  const twice = repeated(names.map(({ name }) => name)).map((at) => ({
    expected: 'each name once',
    remedy: 'give this dictionary another name',
    at,
  }));
  const bad = names.flatMap(({ name, entry }, at) => {
    if (entry.fields['sweep'] === undefined) return [];
    if (plainName.safeParse(name).success && !(RESERVED_NAMES as readonly string[]).includes(name)) return [];
    const expected = 'letters, digits, ".", "_" and "-" (at most 100), and no reserved name';
    return [{ expected, remedy: 'the name is part of dataset names and paths', at }];
  });
  return [...twice, ...bad].map(({ at, ...words }) => ({
    path: ['saes', names[at]?.entry.index ?? 0, 'name'],
    found: shown(names[at]?.name),
    ...words,
  }));
}

const NUMBERS = ['features', 'tokens', 'batchRows', 'slices'] as const;

/** What each dictionary of an entry must be. */
function memberFindings(entry: Entry, schema: JsonSchemaNode): Finding[] {
  if (isTaken(entry)) return [];
  const swept = recordOf(entry.fields['sweep']);
  const missing = (['features', 'tokens'] as const).filter(
    (field) => entry.fields[field] === undefined && swept[field] === undefined,
  );
  const absent = missing.map((field) => ({
    path: ['saes', entry.index, field],
    expected: 'a whole number greater than 0',
    found: shown(undefined),
    remedy: `add ${field}`,
  }));
  const found = membersOf(entry).flatMap((member) => {
    const settings = judged(member, schema);
    return settings === null ? [] : dictionaryProblems(settings, wiredBy({ ...entry, fields: member }));
  });
  const places = found.map(({ field, ...finding }) => {
    const [first = '', ...rest] = field.split('.');
    const path = first in swept ? ['sweep', first] : [first];
    return { ...finding, path: ['saes', entry.index, ...path, ...rest] };
  });
  const once = new Map(places.map((place) => [`${place.path.join('.')} ${place.found}`, place]));
  return [...absent, ...once.values()];
}

/** The fields that are judged, with the schema's defaults; null where the kind is not known. */
function judged(member: Readonly<Record<string, unknown>>, schema: JsonSchemaNode): JudgedSettings | null {
  const valueOf = (field: string): unknown => member[field] ?? nodeAt(schema, ['saes', 0, field])?.default ?? undefined;
  const architecture = ARCHITECTURE_NAMES.find((name) => name === valueOf('architecture'));
  if (architecture === undefined) return null;
  const kinds = [...KIND_SETTINGS, 'auxK'].map((field) => [field, valueOf(field)] as const);
  const numbers = NUMBERS.map((field) => [field, numberOf(valueOf(field))] as const);
  const routed = routedFields.safeParse(member['routed']);
  return {
    ...Object.fromEntries([...kinds.filter(([, value]) => wellFormed(value)), ...numbers]),
    ...(routed.success && { routed: routed.data }),
    ...(member['candidates'] === 'int8' && { candidates: 'int8' as const }),
    architecture,
  };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

function wellFormed(value: unknown): boolean {
  const number = (one: unknown): boolean => typeof one === 'number' && Number.isFinite(one);
  return Array.isArray(value) ? value.every(number) : number(value);
}

/** The sites as far as the file tells: a pattern stands for two or more. */
function wiredBy(entry: Entry): Pick<DictionarySites, 'reads' | 'writes' | 'crossLayer'> | null {
  const crossLayer = entry.fields['crossLayer'] === true ? ({ crossLayer: true } as const) : {};
  if (typeof entry.fields['hook'] === 'string') return { reads: [0], writes: [0], ...crossLayer };
  const [reads, writes] = (['reads', 'writes'] as const).map((field) => namesAt(entry, field).map(({ name }) => name));
  if (!reads?.length || !writes?.length) return null;
  const names = [...new Set([...reads, ...writes])];
  const places = (list: readonly string[]): number[] =>
    list.flatMap((name) => (name.includes('*') ? [names.indexOf(name), names.length] : [names.indexOf(name)]));
  return { reads: places(reads), writes: places(writes), ...crossLayer };
}
