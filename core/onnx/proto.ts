// The messages of an ONNX file (onnx.proto, IR version 13) as types, and the field table from which the codec works.
// Names are those of onnx.proto in protobuf's JSON spelling. Fields that are not listed survive as raw bytes in `unknown`.

/** A 64-bit integer: a number where it is exact, else a bigint. */
export type Long = number | bigint;

interface Message {
  /** Raw bytes (tag included) of fields that the table does not list, in the order found. */
  readonly unknown?: readonly Uint8Array[];
}

export interface StringStringEntryProto extends Message {
  readonly key?: string;
  readonly value?: string;
}

export interface OperatorSetIdProto extends Message {
  readonly domain?: string;
  readonly version?: number;
}

export interface DimensionProto extends Message {
  readonly dimValue?: number;
  readonly dimParam?: string;
  readonly denotation?: string;
}

export interface TensorShapeProto extends Message {
  readonly dim: readonly DimensionProto[];
}

export interface TensorTypeProto extends Message {
  readonly elemType?: number;
  readonly shape?: TensorShapeProto;
}

export interface TypeProto extends Message {
  readonly tensorType?: TensorTypeProto;
  readonly denotation?: string;
}

export interface ValueInfoProto extends Message {
  readonly name?: string;
  readonly type?: TypeProto;
  readonly docString?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface TensorProto extends Message {
  readonly dims: readonly number[];
  readonly dataType?: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: readonly Long[];
  readonly name?: string;
  /** A view of the file's bytes, little-endian and at any alignment: copy before viewing as other than bytes. */
  readonly rawData?: Uint8Array;
  readonly doubleData: readonly number[];
  readonly uint64Data: readonly Long[];
  readonly docString?: string;
  readonly externalData: readonly StringStringEntryProto[];
  readonly dataLocation?: number;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface AttributeProto extends Message {
  readonly name?: string;
  readonly f?: number;
  readonly i?: Long;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats: readonly number[];
  readonly ints: readonly Long[];
  readonly strings: readonly Uint8Array[];
  readonly tensors: readonly TensorProto[];
  readonly graphs: readonly GraphProto[];
  readonly docString?: string;
  readonly type?: number;
  readonly refAttrName?: string;
}

export interface NodeProto extends Message {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute: readonly AttributeProto[];
  readonly docString?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface GraphProto extends Message {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly docString?: string;
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface FunctionProto extends Message {
  readonly name?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly string[];
  readonly node: readonly NodeProto[];
  readonly docString?: string;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly domain?: string;
  readonly attributeProto: readonly AttributeProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly overload?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface ModelProto extends Message {
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: Long;
  readonly docString?: string;
  readonly graph?: GraphProto;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
  readonly functions: readonly FunctionProto[];
}

/** Every message by name; the field table below is total over it. */
export interface Messages {
  StringStringEntryProto: StringStringEntryProto;
  OperatorSetIdProto: OperatorSetIdProto;
  DimensionProto: DimensionProto;
  TensorShapeProto: TensorShapeProto;
  TensorTypeProto: TensorTypeProto;
  TypeProto: TypeProto;
  ValueInfoProto: ValueInfoProto;
  TensorProto: TensorProto;
  AttributeProto: AttributeProto;
  NodeProto: NodeProto;
  GraphProto: GraphProto;
  FunctionProto: FunctionProto;
  ModelProto: ModelProto;
}
export type MessageName = keyof Messages;

/** `int` is an integer that must fit a number, `long` any int64, `ulong` any uint64. */
export type ScalarKind = 'string' | 'bytes' | 'int' | 'long' | 'ulong' | 'float' | 'double';

export interface FieldSpec {
  readonly number: number;
  readonly kind: ScalarKind | MessageName;
  /** `packed`: written as one length-delimited run; both forms are read. */
  readonly repeat: 'one' | 'each' | 'packed';
}

const one = (number: number, kind: FieldSpec['kind']): FieldSpec => ({
  number,
  kind,
  repeat: 'one',
});
const each = (number: number, kind: FieldSpec['kind']): FieldSpec => ({
  number,
  kind,
  repeat: 'each',
});
const packed = (number: number, kind: FieldSpec['kind']): FieldSpec => ({
  number,
  kind,
  repeat: 'packed',
});

/** Typed so that a field of an interface above that has no row here does not compile. */
type FieldTable = {
  readonly [M in MessageName]: { readonly [F in keyof Omit<Messages[M], 'unknown'>]-?: FieldSpec };
};

export const FIELDS: FieldTable = {
  StringStringEntryProto: { key: one(1, 'string'), value: one(2, 'string') },
  OperatorSetIdProto: { domain: one(1, 'string'), version: one(2, 'int') },
  DimensionProto: {
    dimValue: one(1, 'int'),
    dimParam: one(2, 'string'),
    denotation: one(3, 'string'),
  },
  TensorShapeProto: { dim: each(1, 'DimensionProto') },
  TensorTypeProto: { elemType: one(1, 'int'), shape: one(2, 'TensorShapeProto') },
  TypeProto: { tensorType: one(1, 'TensorTypeProto'), denotation: one(6, 'string') },
  ValueInfoProto: {
    name: one(1, 'string'),
    type: one(2, 'TypeProto'),
    docString: one(3, 'string'),
    metadataProps: each(4, 'StringStringEntryProto'),
  },
  TensorProto: {
    dims: each(1, 'int'),
    dataType: one(2, 'int'),
    floatData: packed(4, 'float'),
    int32Data: packed(5, 'int'),
    stringData: each(6, 'bytes'),
    int64Data: packed(7, 'long'),
    name: one(8, 'string'),
    rawData: one(9, 'bytes'),
    doubleData: packed(10, 'double'),
    uint64Data: packed(11, 'ulong'),
    docString: one(12, 'string'),
    externalData: each(13, 'StringStringEntryProto'),
    dataLocation: one(14, 'int'),
    metadataProps: each(16, 'StringStringEntryProto'),
  },
  AttributeProto: {
    name: one(1, 'string'),
    f: one(2, 'float'),
    i: one(3, 'long'),
    s: one(4, 'bytes'),
    t: one(5, 'TensorProto'),
    g: one(6, 'GraphProto'),
    floats: each(7, 'float'),
    ints: each(8, 'long'),
    strings: each(9, 'bytes'),
    tensors: each(10, 'TensorProto'),
    graphs: each(11, 'GraphProto'),
    docString: one(13, 'string'),
    type: one(20, 'int'),
    refAttrName: one(21, 'string'),
  },
  NodeProto: {
    input: each(1, 'string'),
    output: each(2, 'string'),
    name: one(3, 'string'),
    opType: one(4, 'string'),
    attribute: each(5, 'AttributeProto'),
    docString: one(6, 'string'),
    domain: one(7, 'string'),
    overload: one(8, 'string'),
    metadataProps: each(9, 'StringStringEntryProto'),
  },
  GraphProto: {
    node: each(1, 'NodeProto'),
    name: one(2, 'string'),
    initializer: each(5, 'TensorProto'),
    docString: one(10, 'string'),
    input: each(11, 'ValueInfoProto'),
    output: each(12, 'ValueInfoProto'),
    valueInfo: each(13, 'ValueInfoProto'),
    metadataProps: each(16, 'StringStringEntryProto'),
  },
  FunctionProto: {
    name: one(1, 'string'),
    input: each(4, 'string'),
    output: each(5, 'string'),
    attribute: each(6, 'string'),
    node: each(7, 'NodeProto'),
    docString: one(8, 'string'),
    opsetImport: each(9, 'OperatorSetIdProto'),
    domain: one(10, 'string'),
    attributeProto: each(11, 'AttributeProto'),
    valueInfo: each(12, 'ValueInfoProto'),
    overload: one(13, 'string'),
    metadataProps: each(14, 'StringStringEntryProto'),
  },
  ModelProto: {
    irVersion: one(1, 'int'),
    producerName: one(2, 'string'),
    producerVersion: one(3, 'string'),
    domain: one(4, 'string'),
    modelVersion: one(5, 'long'),
    docString: one(6, 'string'),
    graph: one(7, 'GraphProto'),
    opsetImport: each(8, 'OperatorSetIdProto'),
    metadataProps: each(14, 'StringStringEntryProto'),
    functions: each(25, 'FunctionProto'),
  },
};
