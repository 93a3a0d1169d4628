// What is said beside numbers where shards are left out of them. Pure.
import type { LeftOut } from '../../reading/datasets/left-out.js';
import { counted } from './quantities.js';

/** Null where nothing is left out. */
export function leftOutNote(found: LeftOut): string | null {
  if (found.length === 0) return null;
  const lines = new Map(found.map(({ dataset, shards }) => [dataset, counted(shards, 'quarantined shard')]));
  const parts = [...lines].map(([dataset, shards]) => `${shards} of ${dataset}`);
  const runs = [...new Set(found.map(({ dataset }) => dataset.split('/')[0] ?? ''))];
  const look = runs.map((run) => `assay quarantine ${run}`).join(', ');
  return `Left out: ${parts.join(', ')}; what they hold is in no number here. Look with: ${look}`;
}
