// Proof: on a Vulkan adapter (SwiftShader where the machine has no GPU) webgpu computes what the CPU computes: 60 training steps
// with weights that stay on the device, and the forward and backward graph of every fixture that it can load. Numbers only;
// the speed of a software adapter says nothing.
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildVjpModel } from '../../core/autodiff/vjp-model.js';
import { resolveSites } from '../../core/hooks/sites.js';
import { decodeModel, encodeModel, joinChunks } from '../../core/onnx/codec.js';
import { cutToTensors, graphOf } from '../../core/onnx/cut.js';
import type { ModelProto } from '../../core/onnx/proto.js';
import { KeyedRandom } from '../../core/tensor/random.js';
import { packageRoot } from '../../runtime/package-root.js';
import { probeDevices } from '../../runtime/devices.js';
import type { Provider } from '../../runtime/provider.js';
import { ORT_VERSION, Session, type TensorValue } from '../../runtime/session.js';
import { releaseTransfers } from '../../runtime/transfer.js';
import { makeFeeds } from '../../models/feeds.js';
import { openModel } from '../../models/open-model.js';
import { softwareAdapter } from '../servers/vulkan.js';
import { expectedSteps, residentSteps } from '../unit/runtime/sgd-step.js';
import { EXPORTS } from '../harness/fixtures.js';

const STEPS = 60;
/** Greatest |a − b| / greatest |b| that passes: what two float32 kernels of different order of summation differ by. */
const TOLERANCE = 2e-5;
const MODELS = ['gpt2.dynamo', 'gpt2.legacy', 'llama.dynamo', 'bert.dynamo', 'neox.legacy', 'gemma2.dynamo'];
const SITE = 'blocks.0.hook_resid_post';
const LENGTH = 7;
const CHILD = 'with-adapter';

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Greatest |a − b| over greatest |b|. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [gap, size] = [0, 0];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    gap = Math.max(gap, Math.abs((a[i] ?? NaN) - (b[i] ?? NaN)));
    size = Math.max(size, Math.abs(b[i] ?? NaN));
  }
  return gap / size;
}

function judge(what: string, value: number): boolean {
  const holds = value <= TOLERANCE;
  say(`${holds ? 'holds ' : 'FAILS '} ${what}: ${value.toExponential(1)}`);
  return holds;
}

async function proveSteps(): Promise<boolean> {
  const expected = expectedSteps(STEPS);
  const [cpu, gpu] = [await residentSteps('cpu', STEPS), await residentSteps('webgpu', STEPS)];
  await releaseTransfers();
  say(`weights after ${STEPS} steps lie on the ${gpu.onGpu ? 'device' : 'HOST'}`);
  return [
    gpu.onGpu,
    judge(`${STEPS} steps, weights on the device, against the CPU's`, difference(gpu.w, cpu.w)),
    judge(`${STEPS} steps, weights against double precision`, difference(gpu.w, expected.w)),
    judge(`${STEPS} steps, losses against double precision`, difference(gpu.losses, expected.losses)),
  ].every(Boolean);
}

/** The value of one tensor of a model by each provider, optimisation as in production. */
async function both(
  model: ModelProto,
  feeds: Readonly<Record<string, TensorValue>>,
): Promise<readonly [Float32Array, Float32Array]> {
  const bytes = joinChunks(encodeModel(model));
  const output = graphOf(model).output[0]?.name ?? '';
  const by = async (provider: Provider): Promise<Float32Array> => {
    const session = await Session.create(bytes, { provider, threads: 1, optimisation: 'all' });
    const given = session.inputs.map((name) => [name, feeds[name]] as const);
    const found = await session.run(Object.fromEntries(given) as Record<string, TensorValue>, [output]);
    await session.release();
    return found[output]?.data as Float32Array;
  };
  return [await by('webgpu'), await by('cpu')];
}

async function proveFixture(name: string): Promise<boolean> {
  const file = path.join(EXPORTS, `${name}.onnx`);
  const { summary } = await openModel(file);
  const model = decodeModel(await readFile(file));
  const output = graphOf(model).output.find((info) => info.name === 'logits') ?? graphOf(model).output[0];
  const logits = output?.name ?? '';
  const site = resolveSites(model).sites.find((one) => one.name === SITE);
  const random = new KeyedRandom('prove webgpu', name);
  const ids = Uint32Array.from({ length: 2 * LENGTH }, () => random.nextInt(summary.vocab));
  const feeds = makeFeeds(summary.inputs, { ids, length: LENGTH });
  const [forward, expected] = await both(cutToTensors(model, [{ tensor: logits }]).model, feeds);
  const cotangent: TensorValue = {
    dtype: 'float32',
    dims: [2, LENGTH, expected.length / (2 * LENGTH)],
    data: Float32Array.from(expected, () => random.nextNormal()),
  };
  const vjp = buildVjpModel(model, {
    outputs: [{ name: 'logits', tensor: logits }],
    wrt: [{ name: SITE, tensor: site?.tensor ?? '' }],
  });
  const [backward, gradient] = await both(vjp, { ...feeds, 'cotangent.logits': cotangent });
  return [
    judge(`${name}, output`, difference(forward, expected)),
    judge(`${name}, gradient at ${SITE}`, difference(backward, gradient)),
  ].every(Boolean);
}

/** The proof in a process that has an adapter; null where there is none. */
async function prove(): Promise<boolean | null> {
  const { providers } = await probeDevices(['webgpu']);
  const [state] = providers;
  if (state?.loads !== true) {
    say(`webgpu does not load: ${state?.reason ?? 'no reason given'}`);
    return null;
  }
  say(`ONNX Runtime ${ORT_VERSION}, webgpu loads; tolerance ${TOLERANCE}`);
  const held = [await proveSteps()];
  for (const name of MODELS) held.push(await proveFixture(name));
  return held.every(Boolean);
}

/** Exit code of the proof in a process of its own, whose loader finds the adapter. */
async function inProcess(env: Readonly<Record<string, string>>): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), [CHILD], { env: { ...process.env, ...env } });
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      resolve(code ?? 1);
    });
  });
}

const NO_ADAPTER = 3;

async function main(): Promise<number> {
  let code = await inProcess({});
  if (code === NO_ADAPTER) {
    say('the machine has no adapter of its own; trying SwiftShader from the package chromium-common');
    const software = await softwareAdapter(path.join(packageRoot(), '.cache'));
    if ('reason' in software) say(`it cannot be had: ${software.reason}`);
    else code = await inProcess(software.env);
  }
  if (code !== NO_ADAPTER) return code;
  say('no adapter: nothing was proved about webgpu on this machine');
  return 0;
}

if (process.argv[2] === CHILD) {
  const held = await prove();
  process.exit(held === null ? NO_ADAPTER : held ? 0 : 1);
} else process.exitCode = await main();
