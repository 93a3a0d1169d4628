// Everything that lies in a store, by what it is. Only keys of the exact shapes of the layout count: what else lies there is somebody's,
// perhaps reached through a link, and is named and left.
import type { ObjectInfo, ObjectStore } from '../objects/object-store.js';
import { listAll } from '../records/record-io.js';

const NUMBERED = '(?:[^/]+/)+\\d{12}\\.json';
const OF_STAGE = '[^/]+/[0-9a-f]{64}';

/** What a collector may remove: kinds of objects and the shape of their keys. */
const SHAPES = {
  data: /^data\/([0-9a-f]{2})\/\1[0-9a-f]{62}\.[A-Za-z0-9.]+$/,
  refs: new RegExp(`^refs/${NUMBERED}$`),
  snapshots: new RegExp(`^snapshots/${NUMBERED}$`),
  commits: new RegExp(`^commits/${OF_STAGE}/[0-9a-f]{64}\\.json$`),
  quarantine: new RegExp(`^quarantine/${OF_STAGE}/[0-9a-f]{64}\\.json$`),
  checkpoints: /^checkpoints\/[0-9a-f]{64}\/\d{12}\.json$/,
  keys: new RegExp(`^keys/${OF_STAGE}\\.json$`),
  probe: /^probe\/[0-9a-f-]{36}\/[a-z]+$/,
} as const;

type Kind = keyof typeof SHAPES;

export interface Inventory extends Readonly<Record<Kind | 'runs' | 'schedules', readonly ObjectInfo[]>> {
  /** Keys beside those of the layout. */
  readonly foreign: readonly string[];
}

export async function takeInventory(store: ObjectStore): Promise<Inventory> {
  const foreign: string[] = [];
  const take = async (kind: Kind): Promise<ObjectInfo[]> => {
    const infos = await listAll(store, `${kind}/`);
    foreign.push(...infos.filter(({ key }) => !SHAPES[kind].test(key)).map(({ key }) => key));
    return infos.filter(({ key }) => SHAPES[kind].test(key));
  };
  // What names comes before what is named, so that nothing listed as data was named in between by a commit unseen.
  const data = await take('data');
  return {
    data,
    // Roots are never removed: whatever lies there may name something.
    runs: await listAll(store, 'runs/'),
    refs: await take('refs'),
    schedules: await listAll(store, 'schedules/'),
    snapshots: await take('snapshots'),
    commits: await take('commits'),
    quarantine: await take('quarantine'),
    checkpoints: await take('checkpoints'),
    keys: await take('keys'),
    probe: await take('probe'),
    foreign,
  };
}

/** The groups without objects that stay under another key, as in a folder with links; each object once, under its first key. */
export function eachOnce(groups: readonly (readonly ObjectInfo[])[], inventory: Inventory): ObjectInfo[][] {
  const { foreign: _foreign, ...kinds } = inventory;
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
