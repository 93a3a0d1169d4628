// The table of autoencoder architectures. Its type demands a row for every value of the run file's `architecture`.
import type { SaeConfig } from '../../schemas/run-file.js';
import type { Architecture } from './architecture.js';
import { topk } from './architectures/topk.js';

export type ArchitectureName = SaeConfig['architecture'];

export const ARCHITECTURES: { readonly [Name in ArchitectureName]: Architecture } = { topk };
