// From an entry of `saes` to the dictionaries that it asks for: sweeps and patterns of sites are written out, defaults that depend on
// other settings are filled in. What the file alone can tell was judged before (pipeline/files/dictionary-rules.ts).
import { ARCHITECTURES } from '../../core/dictionaries/architectures.js';
import { type DictionaryProblem, dictionaryProblems } from '../../core/dictionaries/problems.js';
import { completeSettings } from '../../core/dictionaries/settings.js';
import { type DictionarySites, checkSites, placeSites, targetWidth } from '../../core/dictionaries/sites.js';
import { expandSweep } from '../../core/dictionaries/sweep.js';
import { sitePattern } from '../../core/hooks/site-pattern.js';
import { slicesToTrain } from '../../dictionaries/step-memory.js';
import { trainingSettings } from '../../dictionaries/step-settings.js';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedRun, TrainedDictionary } from '../../schemas/resolved-run.js';
import type { SaeConfig } from '../../schemas/sae-section.js';
import type { EngineConfig } from '../../schemas/stored.js';

type Site = ResolvedRun['sites'][number];

/** Where the run's sites are, and how to say that one is not among them. */
export interface KnownSites {
  readonly sites: readonly Site[];
  readonly unknown: (where: string, site: string) => InputError;
  /** Digest of the model; left out where the run trains it. */
  readonly model?: string | undefined;
}

/** The dictionaries of an entry with every default filled in. @throws InputError where sites and sizes do not fit */
export function resolveDictionaries(entry: SaeConfig, known: KnownSites, engine: EngineConfig): TrainedDictionary[] {
  return expandSweep(entry).map((config) => {
    const { slices, sites, ...dictionary } = resolveOne(config, known);
    // One slice is what is left out; slices are a matter of processors.
    const count =
      slices ?? (sliced(dictionary, engine) ? slicesToTrain(expertStep({ sites, sae: dictionary.sae, engine })) : 1);
    return { ...dictionary, sae: { ...dictionary.sae, ...(count > 1 && { slices: count }) } };
  });
}

function sliced({ sae }: Pick<Resolved, 'sae'>, { provider }: EngineConfig): boolean {
  return provider === 'cpu' && sae.routed?.kind !== 'learned';
}

/** The training of a dictionary, or of one of its experts, whatever the rows' variance. */
function expertStep({
  sites,
  sae,
  engine,
}: Pick<Resolved, 'sites' | 'sae'> & { readonly engine: EngineConfig }): ReturnType<typeof trainingSettings> {
  const features = sae.features / (sae.routed?.experts ?? 1);
  const layers = sites.crossLayer ? sites.reads.length : 1;
  const shape = { sites, features: features * layers, kind: ARCHITECTURES[sae.architecture] };
  return trainingSettings({ shape, sae: { ...sae, features }, engine, variance: 1 });
}

interface Resolved extends TrainedDictionary {
  readonly sites: DictionarySites;
  /** What the file says; undefined: nothing. */
  readonly slices: number | undefined;
}

function resolveOne(config: Omit<SaeConfig, 'sweep'>, known: KnownSites): Resolved {
  const { name, hook, reads, writes, skip, crossLayer, slices, candidates, moments, features, tokens, ...given } =
    config;
  const { from: _, format: __, ...rest } = given;
  const read = namedSites(`saes: "${name}" reads`, reads ?? hook, known);
  const written = namedSites(`saes: "${name}" writes`, writes ?? hook, known);
  const placed = placeSites(read.map(nameOf), written.map(nameOf));
  const widths = placed.sites.map(({ site }) => known.sites.find((own) => own.name === site)?.width ?? 0);
  const sites: DictionarySites = {
    ...{ widths, reads: placed.reads, writes: placed.writes },
    ...{ ...(skip && { skip }), ...(crossLayer && { crossLayer }) },
  };
  if (features === undefined || tokens === undefined)
    throw missing(name, features === undefined ? 'features' : 'tokens');
  const settings = {
    ...rest,
    ...{ features, tokens },
    ...{ ...(skip && { skip }), ...(crossLayer && { crossLayer }) },
    ...(candidates === 'int8' && { candidates }),
    ...(moments === 'row' && { moments }),
  };
  const sae = completeSettings(settings, targetWidth(sites));
  try {
    checkSites(sites);
  } catch (error) {
    throw error instanceof InputError ? new InputError(`saes: "${name}": ${error.message}`, error.details) : error;
  }
  const [problem] = dictionaryProblems({ ...sae, slices }, sites);
  if (problem) throw refused(name, problem);
  return { name, reads: read.map((site) => site.name), writes: written.map((site) => site.name), sae, sites, slices };
}

function nameOf({ name }: Site): { readonly site: string } {
  return { site: name };
}

/** The sites of a name or of a list; those of a pattern in the order of layers. */
export function namedSites(where: string, names: string | readonly string[] | undefined, known: KnownSites): Site[] {
  const list = typeof names === 'string' ? [names] : (names ?? []);
  return list.flatMap((name) => {
    const found = known.sites.filter((site) => sitePattern(name).test(site.name));
    if (found.length === 0) throw known.unknown(where, name);
    return found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  });
}

function missing(name: string, field: string): InputError {
  return new InputError(`saes: "${name}": expected ${field}, found none. Give it \`${field}\`.`, { name, field });
}

function refused(name: string, { field, expected, found, remedy }: DictionaryProblem): InputError {
  return new InputError(`saes: "${name}": expected ${field} to be ${expected}, found ${found}. ${remedy}.`, {
    name,
    field,
  });
}
