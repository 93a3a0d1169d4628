// Builds the source of rows that a bench asks for. Spreading the directions of the published size takes a minute, so they are kept
// in a folder, by the digest of the settings that they follow from.
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '../../core/identity/digest.js';
import type { Matrix, Multiply } from '../../core/tensor/matrix.js';
import { asFloat32, encodeSafetensors, safeTensor, type SafeTensor } from '../../core/tensor/safetensors.js';
import { drawBias, firingModel, spreadDirections } from '../../organisms/synthetic/bench/model.js';
import { SynthBench } from '../../organisms/synthetic/bench/synth-bench.js';
import type { SynthBenchSettings } from '../../organisms/synthetic/bench/settings.js';
import type { SyntheticSource } from '../../organisms/synthetic/source.js';
import { Toy } from '../../organisms/synthetic/toy/toy.js';
import { trainToy } from '../../organisms/synthetic/toy/train.js';
import { writeChunks } from '../../storage/files/local-file.js';
import { readSafetensors } from '../../storage/files/safetensors-file.js';
import type { Generator } from './settings.js';

export interface SourceParts {
  readonly generator: Generator;
  readonly multiply: Multiply;
  /** Folder in which directions are kept between calls. */
  readonly folder: string;
  /** Told what is done meanwhile. */
  readonly say: (doing: string) => void;
  readonly signal: AbortSignal;
}

/** Raised when directions come out otherwise from the same settings. */
const VERSION = 1;

/** The source. @throws the signal's reason, once it is aborted */
export async function buildSource(parts: SourceParts): Promise<SyntheticSource> {
  const { generator, say, signal } = parts;
  signal.throwIfAborted();
  if (generator.name === 'toy') {
    const { steps } = generator.settings;
    const weights = trainToy(generator.settings, (step) => {
      signal.throwIfAborted();
      say(`toy model, step ${step}/${steps}`);
    });
    return new Toy(generator.settings, weights);
  }
  const { settings } = generator;
  const directions = await keptDirections(settings, parts);
  return new SynthBench({ ...firingModel(settings), directions, bias: drawBias(settings) }, parts.multiply);
}

async function keptDirections(settings: SynthBenchSettings, parts: SourceParts): Promise<Matrix> {
  const { features, width, orthogonalisation, seed } = settings;
  const key = digestOf({ version: VERSION, features, width, orthogonalisation, seed });
  const file = path.join(parts.folder, `synth-bench-${key}.safetensors`);
  const kept = await readKept(file, settings);
  if (kept !== null) return kept;
  const { multiply, say, signal } = parts;
  const spread = await spreadDirections(settings, {
    multiply,
    progress: (step) => {
      signal.throwIfAborted();
      say(`spreading directions, step ${step}/${orthogonalisation.steps}`);
    },
  });
  await mkdir(parts.folder, { recursive: true });
  const tensors = new Map([['directions', safeTensor(spread.data, [features, width])]]);
  const part = `${file}.${process.pid}.part`;
  await writeChunks(part, encodeSafetensors(tensors, {}));
  await rename(part, file);
  return spread;
}

/** Directions kept by an earlier call; null where there are none that can be read. */
async function readKept(file: string, { features, width }: SynthBenchSettings): Promise<Matrix | null> {
  let tensor: SafeTensor | undefined;
  try {
    tensor = (await readSafetensors(file)).get('directions');
  } catch {
    return null; // none, or damaged: they are made again
  }
  if (tensor?.shape.join() !== `${features},${width}`) return null;
  return { data: asFloat32(tensor), rows: features, columns: width };
}
