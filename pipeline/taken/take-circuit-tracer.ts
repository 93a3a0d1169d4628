// The files of a circuit-tracer folder by layer: a transcoder for each, or one cross-layer transcoder.
import path from 'node:path';
import { readCrossLayer, readLayerTranscoder } from '../../core/interop/circuit-tracer.js';
import type { SettingsFields } from '../../core/interop/settings-fields.js';
import type { TensorContainer } from '../../core/interop/tensor-container.js';
import { InputError } from '../../schemas/errors.js';
import { fileIn, openTensors, readYaml, type Place } from './place.js';
import type { TakenMember } from './member.js';

const KINDS = ['transcoder_set', 'cross_layer_transcoder'] as const;

/** @throws InputError where layers are missing, or config.yaml names another kind */
export async function takeCircuitTracer(place: Place): Promise<TakenMember[]> {
  const config = await readYaml(place, 'config.yaml');
  const kind = kindOf(place, config);
  if (kind === 'transcoder_set') return takeLayers(place, config);
  const encoders = await numbered(place, 'W_enc');
  const decoders = await numbered(place, 'W_dec');
  const dictionary = await readCrossLayer({ name: place.path, encoders, decoders, config });
  return [{ layer: null, path: place.path, dictionary }];
}

function kindOf({ files }: Place, config: SettingsFields | null): (typeof KINDS)[number] {
  const given = config?.get('model_kind');
  const byFiles = files.some((name) => /^W_enc_\d+\.safetensors$/.test(name)) ? KINDS[1] : KINDS[0];
  if (given === undefined) return byFiles;
  const known = KINDS.find((kind) => kind === given);
  if (known !== undefined) return known;
  throw (config as SettingsFields).wrong('model_kind', KINDS.join(' or '), 'give a folder of transcoders');
}

async function takeLayers(place: Place, config: SettingsFields | null): Promise<TakenMember[]> {
  const paths = pathsOf(place, config);
  const members: TakenMember[] = [];
  for (const [layer, file] of paths.entries()) {
    const dictionary = await readLayerTranscoder(await openTensors(file), layer, config);
    members.push({ layer, path: file, dictionary });
  }
  return members;
}

/** The files of config.yaml, or layer_N.safetensors from 0 on. */
function pathsOf(place: Place, config: SettingsFields | null): string[] {
  const listed = config?.get('transcoders');
  if (Array.isArray(listed))
    return listed.map((one) => {
      if (typeof one === 'string' && !/^[a-z0-9]+:\/\//.test(one)) return path.resolve(place.path, one);
      throw (config as SettingsFields).wrong(
        'transcoders',
        'paths within the folder',
        'download the files and leave the list out',
      );
    });
  return layers(place, 'layer').map((name) => fileIn(place, name));
}

async function numbered(place: Place, stem: string): Promise<TensorContainer[]> {
  const containers: TensorContainer[] = [];
  for (const name of layers(place, stem)) containers.push(await openTensors(fileIn(place, name)));
  return containers;
}

/** STEM_0 … STEM_n. @throws InputError where one is missing */
function layers(place: Place, stem: string): string[] {
  const own = place.files.filter((name) => new RegExp(`^${stem}_\\d+\\.safetensors$`).test(name));
  const names = own.map((_, layer) => `${stem}_${layer}.safetensors`);
  const missing = names.find((name) => !own.includes(name));
  if (names.length > 0 && missing === undefined) return names;
  throw new InputError(
    `Expected ${stem}_0.safetensors and one file for each further layer in ${place.path}, found ${own.join(', ') || 'none'}${missing === undefined ? '' : ` without ${missing}`}; give the whole folder.`,
    { path: place.path, missing: missing ?? null },
  );
}
