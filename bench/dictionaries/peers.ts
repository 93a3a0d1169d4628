// Row 4: the training step of row 3 against those of SAELens and dictionary_learning on the same cores (bench/peers/time_step.py), in
// alternating fresh processes of one run.
import { noPeerPython, peerPython, runPeerScript } from '../peers/python.js';
import { type BenchRow, meets } from '../row.js';
import { NARROW, measureInFreshProcess } from './dictionaries.js';
import { THREADS, median } from './measure.js';

const PEERS = ['saelens', 'dictionary_learning'] as const;
type Peer = (typeof PEERS)[number];
const ROUNDS = 3;
const PEER_STEPS = 3;
const MUST = '>= 4';

interface Steps {
  readonly msPerStep: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
}

interface Round {
  readonly own: number;
  readonly peers: Readonly<Record<Peer, Steps>>;
}

/** Row 4; no line where the environment names no Python. */
export async function benchStepOfPeers(log: (text: string) => void): Promise<BenchRow[]> {
  const python = peerPython();
  if (python === null) {
    log(`row 4: not measured (${noPeerPython('torch, sae-lens and dictionary-learning')})`);
    return [];
  }
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const { stepMs: own } = await measureInFreshProcess({ ...NARROW, steps: 5 });
    const peers = { saelens: await timePeer(python, 'saelens'), dictionary_learning: await timePeer(python, 'dictionary_learning') }; // prettier-ignore
    rounds.push({ own, peers });
    const beside = PEERS.map((peer) => `${peer} ${median(peers[peer].msPerStep).toFixed(0)} ms`);
    log(`step ${own.toFixed(0)} ms, ${beside.join(', ')}`);
  }
  return PEERS.map((peer) => rowOf(peer, rounds));
}

function rowOf(peer: Peer, rounds: readonly Round[]): BenchRow {
  const value = median(rounds.map(({ own, peers }) => median(peers[peer].msPerStep) / own));
  const [own, other] = [
    median(rounds.map((r) => r.own)),
    median(rounds.map(({ peers }) => median(peers[peer].msPerStep))),
  ];
  const versions = Object.entries(rounds[0]?.peers[peer].versions ?? {}).map(([name, version]) => `${name} ${version}`);
  return {
    ...{ row: 4, what: `step of topk with everything on: time of ${peer} ÷ ours`, value, must: MUST },
    met: meets(value, MUST),
    conditions: `2,048 × 768 rows, 16,384 features, k 32, AuxK at 10 % dead, float32, ${THREADS} threads; ${other.toFixed(0)} and ${own.toFixed(0)} ms; ${versions.join(', ')}; median of ${rounds.length} alternating processes`,
  };
}

function timePeer(python: string, peer: Peer): Promise<Steps> {
  const { width, features, k, batchRows, dead } = NARROW;
  const sizes = { peer, width, features, k, batch: batchRows, dead, steps: PEER_STEPS, threads: THREADS };
  return runPeerScript<Steps>(python, 'time_step.py', optionsOf(sizes));
}

function optionsOf(of: Readonly<Record<string, string | number>>): string[] {
  return Object.entries(of).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
