// What happens to the runs of the proof of chaos: each action is one thing that users, machines and operators do to them.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyedRandom } from '../../../core/tensor/random.js';
import type { Crew } from './crew.js';
import type { SmallDisk } from './small-disk.js';

export interface Scene {
  readonly crew: Crew;
  readonly disk: SmallDisk;
  readonly random: KeyedRandom;
  /** Names of the runs; the file of each is NAME.yaml. */
  readonly runs: readonly string[];
}

/** Does one thing. @returns what it struck, or null where there was nothing to strike */
type Action = (scene: Scene) => Promise<string | null>;

const anyRun = ({ random, runs }: Scene): string => runs[random.nextInt(runs.length)] ?? '';

export const ACTIONS: Readonly<Record<string, Action>> = {
  'kill a worker': async ({ crew, random }) => {
    const worker = crew.worker(random.nextInt(3));
    worker?.kill();
    await sleep(random.nextInt(1500));
    await crew.fullStrength();
    return worker && `pid ${worker.pid}`;
  },
  'kill a compute child': async ({ crew, random }) => {
    const [pid] = (await crew.worker(random.nextInt(3))?.childPids()) ?? [];
    return pid === undefined ? null : signal(pid, 'SIGKILL');
  },
  'freeze a worker': async ({ crew, random }) => {
    const worker = crew.worker(random.nextInt(3));
    if (!worker || !signal(worker.pid, 'SIGSTOP')) return null;
    await sleep(500 + random.nextInt(4000));
    return signal(worker.pid, 'SIGCONT');
  },
  cancel: (scene) => told(scene, 'cancel', anyRun(scene)),
  pause: (scene) => told(scene, 'pause', anyRun(scene)),
  unpause: (scene) => told(scene, 'unpause', anyRun(scene)),
  resume: (scene) => told(scene, 'resume', anyRun(scene)),
  'resume errored': (scene) => told(scene, 'resume', anyRun(scene), '--mode', 'errored'),
  run: (scene) => told(scene, 'run', `${anyRun(scene)}.yaml`),
  set: (scene) => told(scene, 'set', anyRun(scene), '--window', String(1 + scene.random.nextInt(20))),
  'two commands at once': async (scene) => {
    const name = anyRun(scene);
    const pairs = [
      [
        ['run', `${name}.yaml`],
        ['run', `${name}.yaml`],
      ],
      [
        ['resume', name],
        ['cancel', name],
      ],
      [
        ['run', `${name}.yaml`],
        ['rm', name],
      ],
      [
        ['gc', '--apply'],
        ['run', `${name}.yaml`],
      ],
      [
        ['pause', name],
        ['unpause', name],
      ],
      [
        ['gc', '--apply'],
        ['gc', '--apply'],
      ],
    ];
    const pair = pairs[scene.random.nextInt(pairs.length)] ?? [];
    for (const args of pair) scene.crew.begin(...args);
    await scene.crew.allEnded();
    return pair.map((args) => args.join(' ')).join(' + ');
  },
  'kill a command': async (scene) => {
    const name = anyRun(scene);
    const commands = [
      ['run', `${name}.yaml`],
      ['resume', name],
      ['cancel', name],
      ['rm', name],
      ['gc', '--apply'],
    ];
    const args = commands[scene.random.nextInt(commands.length)] ?? [];
    await scene.crew.killed(scene.random.nextInt(2500), ...args);
    return args.join(' ');
  },
  collect: (scene) => told(scene, 'gc', '--apply'),
  remove: (scene) => told(scene, 'rm', anyRun(scene)),
  'remove by force': (scene) => told(scene, 'rm', anyRun(scene), '--force'),
  'fill the disk': async ({ disk, random }) => {
    if (!disk.isOwn) return null;
    disk.fill();
    await sleep(500 + random.nextInt(3000));
    disk.free();
    return disk.folder;
  },
};

async function told({ crew }: Scene, ...args: string[]): Promise<string> {
  const { code } = await crew.command(args);
  return `${args.join(' ')} → ${code}`;
}

function signal(pid: number, name: NodeJS.Signals): string | null {
  try {
    process.kill(pid, name);
    return `pid ${pid}`;
  } catch {
    return null;
  }
}
