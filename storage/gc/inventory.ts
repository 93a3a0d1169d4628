// Everything that lies in a store, by what it is. Only keys of the exact shapes of the layout count: what else lies there is somebody's,
// perhaps reached through a link, and is named and left.
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { parseKey, type ObjectKind } from '../records/key-layout.js';
import { listAll } from '../records/record-io.js';

/** What is never removed, because it names what is. */
const ROOTS: readonly ObjectKind[] = ['runs', 'refs', 'schedules'];

export interface Inventory extends Readonly<Record<ObjectKind, readonly ObjectInfo[]>> {
  /** Keys beside those of the layout. */
  readonly foreign: readonly string[];
  /** Those among them that would be roots if their names were escaped as Assay does: they may be copies of some, and are read as such. */
  readonly foreignRoots: readonly ObjectInfo[];
}

export async function takeInventory(store: ObjectStore): Promise<Inventory> {
  const foreign: string[] = [];
  const foreignRoots: ObjectInfo[] = [];
  const take = async (kind: ObjectKind): Promise<ObjectInfo[]> => {
    const own: ObjectInfo[] = [];
    for (const info of await listAll(store, `${kind}/`)) {
      const laid = parseKey(info.key);
      if (laid?.isOwn) own.push(info);
      else foreign.push(info.key);
      if (laid && !laid.isOwn && ROOTS.includes(kind)) foreignRoots.push(info);
    }
    return own;
  };
  // Data comes before what names it, so that nothing listed as data was named in between by a commit unseen.
  return {
    data: await take('data'),
    runs: await take('runs'),
    refs: await take('refs'),
    schedules: await take('schedules'),
    labels: await take('labels'),
    snapshots: await take('snapshots'),
    commits: await take('commits'),
    quarantine: await take('quarantine'),
    checkpoints: await take('checkpoints'),
    keys: await take('keys'),
    probe: await take('probe'),
    foreign,
    foreignRoots,
  };
}

/** The groups without objects that stay under another key, as in a folder with links; each object once, under its first key. */
export function eachOnce(groups: readonly (readonly ObjectInfo[])[], inventory: Inventory): ObjectInfo[][] {
  const { foreign: _foreign, foreignRoots: _roots, ...kinds } = inventory;
  const keysOf = new Map<string, string[]>();
  for (const { key, file } of Object.values(kinds).flat())
    if (file !== undefined) keysOf.set(file, [...(keysOf.get(file) ?? []), key]);
  const wanted = new Set(groups.flat().map(({ key }) => key));
  const done = new Set<string>();
  const isWhole = ({ file }: ObjectInfo): boolean => {
    if (file === undefined) return true;
    if (done.has(file) || !keysOf.get(file)?.every((key) => wanted.has(key))) return false;
    done.add(file);
    return true;
  };
  return groups.map((group) => group.filter(isWhole));
}
