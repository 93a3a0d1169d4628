// The items that sum over the shards of a split, one each. Pure.
import { digestOf } from '../../core/identity/digest.js';
import type { Commit } from '../../schemas/records.js';
import type { WorkItem } from '../stage.js';
import type { Pinned } from '../step.js';
import type { EvaluateInputs, SumsConfig } from './config.js';

export function sumsItems(
  key: string,
  { keyed }: SumsConfig,
  { rows, tokens }: { readonly rows: readonly Pinned[]; readonly tokens: Pinned },
): WorkItem<EvaluateInputs>[] {
  const [first, ...others] = rows;
  const own = (first?.commits ?? []).filter(({ split }) => split === keyed.split);
  return [...own]
    .sort((a, b) => (a.shard < b.shard ? -1 : 1))
    .flatMap((commit) => {
      const further = others.map(({ commits }) => commits.find(({ shard }) => shard === commit.shard));
      const text = tokens.commits.find(({ shard }) => shard === commit.shard);
      // A shard in quarantine has no activations of any site.
      if (!text || further.some((one) => one === undefined)) return [];
      const bySite = [commit, ...(further as Commit[])].map((one) =>
        one.objects.filter(({ table }) => table === 'activations'),
      );
      const ofText = (name: string): Commit['objects'] => text.objects.filter(({ table }) => table === name);
      const documents = keyed.leftOut === null ? [] : ofText('documents');
      const inputs: EvaluateInputs = {
        activations: bySite.map((objects) => objects.map(({ sha256 }) => sha256)),
        tokens: ofText('tokens').map(({ sha256 }) => sha256),
        documents: documents.map(({ sha256 }) => sha256),
      };
      return {
        ...{ stage: 'evaluate' as const, keys: [key], input: digestOf(inputs), inputs, shard: commit.shard },
        ...{ split: commit.split, size: rowsOf([commit], keyed.split) },
        aux: { objects: [...bySite.flat(), ...ofText('tokens'), ...documents] },
      };
    });
}

/** Rows of a split, as its commits state them. */
export function rowsOf(commits: readonly Commit[], split: string): number {
  return commits
    .filter((commit) => commit.split === split)
    .reduce((sum, { statistics }) => sum + Number(statistics['rows'] ?? 0), 0);
}
