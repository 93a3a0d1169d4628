// Finds the evaluation of the same dictionary in a run on the model without training, which a dictionary is compared with.
import { canonicalJson } from '../../core/identity/canonical-json.js';
import { InputError } from '../../schemas/errors.js';
import type { ResolvedDictionary, ResolvedRun } from '../../schemas/resolved-run.js';
import type { Split } from '../../schemas/stages.js';
import { datasetNames } from '../../stages/dataset-names.js';
import { evaluationName } from '../../stages/evaluate/names.js';
import type { RandomModelControl } from '../../stages/work.js';
import type { ObjectStore } from '../../storage/objects/object-store.js';
import { latestRevision } from '../../storage/records/resolved-runs.js';
import { latestSnapshot, readSnapshotCommits } from '../../storage/records/snapshots.js';

interface Wanted {
  readonly run: ResolvedRun;
  readonly dictionary: ResolvedDictionary;
  /** The run on the model without training. */
  readonly other: string;
  readonly split: Split;
}

/** @throws InputError where it is no such run, has another dictionary of that name, or has not evaluated it */
export async function randomModelOf(
  store: ObjectStore,
  { run, dictionary, other, split }: Wanted,
): Promise<RandomModelControl> {
  const name = `${other}/${dictionary.name}`;
  const found = await latestRevision(store, other);
  const same = found?.dictionaries.find((one) => one.name === dictionary.name);
  if (!found || !same)
    throw missing(
      name,
      found ? `it has ${found.dictionaries.map((one) => one.name).join(', ')}` : `\`assay runs\` lists the runs`,
    );
  refuseUnlike({ run, dictionary }, { run: found, dictionary: same });
  const snapshot = await latestSnapshot(
    store,
    datasetNames(other).dictionary(dictionary.name, evaluationName({ split, corpus: null })),
  );
  if (snapshot?.complete === true)
    for await (const { objects } of readSnapshotCommits(store, snapshot)) {
      const table = objects.find((object) => object.table === 'evaluation');
      if (table) return { dictionary: name, table: { key: table.key, sha256: table.sha256, bytes: table.bytes } };
    }
  throw missing(`the evaluation of ${name} on ${split}`, `run \`assay sae eval ${name}\` first`);
}

interface Placed {
  readonly run: ResolvedRun;
  readonly dictionary: ResolvedDictionary;
}

function refuseUnlike(own: Placed, other: Placed): void {
  if ('taken' in own.dictionary)
    throw new InputError(
      `Expected a dictionary that its run trains, to train it on the model without training as well; found ${own.run.name}/${own.dictionary.name}, which was taken from elsewhere.`,
      { dictionary: own.dictionary.name },
    );
  const [a, b] = [own, other].map(({ dictionary }) => canonicalJson(comparable(dictionary)));
  if (a !== b)
    throw new InputError(
      `Expected ${other.run.name}/${other.dictionary.name} to be trained as ${own.run.name}/${own.dictionary.name} is, found other settings (${b ?? ''} instead of ${a ?? ''}). Run the same run file on the model that \`assay model randomise\` wrote, by another name.`,
      { own: a, other: b },
    );
  if (canonicalJson(own.run.model) !== canonicalJson(other.run.model)) return;
  throw new InputError(
    `Expected ${other.run.name} to be a run on a model without training, found the model of ${own.run.name}; write one by \`assay model randomise\` and run the same run file on it.`,
    { run: other.run.name },
  );
}

/** What must be equal for the two to be one kind of dictionary of one size, trained alike. */
function comparable({ reads, writes, sae }: ResolvedDictionary): unknown {
  return { reads, writes, sae };
}

function missing(what: string, remedy: string): InputError {
  return new InputError(`Expected ${what} to compare with, found none; ${remedy}.`, { what });
}
