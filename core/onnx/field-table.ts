// The number, kind and repetition of every field of an ONNX file (onnx.proto, IR version 14): the codec works from this table
// alone, and a field of a message in proto.ts that has no row here does not compile.
import type * as proto from './proto.js';

/** Every message by name; the field table below is total over it. */
export interface Messages {
  StringStringEntryProto: proto.StringStringEntryProto;
  OperatorSetIdProto: proto.OperatorSetIdProto;
  DimensionProto: proto.DimensionProto;
  TensorShapeProto: proto.TensorShapeProto;
  TensorTypeProto: proto.TensorTypeProto;
  WrappedTypeProto: proto.WrappedTypeProto;
  MapTypeProto: proto.MapTypeProto;
  OpaqueTypeProto: proto.OpaqueTypeProto;
  TypeProto: proto.TypeProto;
  ValueInfoProto: proto.ValueInfoProto;
  SegmentProto: proto.SegmentProto;
  TensorProto: proto.TensorProto;
  SparseTensorProto: proto.SparseTensorProto;
  AttributeProto: proto.AttributeProto;
  IntIntListEntryProto: proto.IntIntListEntryProto;
  SimpleShardedDimProto: proto.SimpleShardedDimProto;
  ShardedDimProto: proto.ShardedDimProto;
  ShardingSpecProto: proto.ShardingSpecProto;
  NodeDeviceConfigurationProto: proto.NodeDeviceConfigurationProto;
  NodeProto: proto.NodeProto;
  TensorAnnotation: proto.TensorAnnotation;
  GraphProto: proto.GraphProto;
  TrainingInfoProto: proto.TrainingInfoProto;
  DeviceConfigurationProto: proto.DeviceConfigurationProto;
  FunctionProto: proto.FunctionProto;
  ModelProto: proto.ModelProto;
}
export type MessageName = keyof Messages;

/** `int` is an int64 that must fit a number, `long` any int64, `ulong` any uint64. */
type ScalarKind = 'string' | 'bytes' | 'int' | 'int32' | 'long' | 'ulong' | 'float' | 'double';

export interface FieldSpec {
  readonly number: number;
  readonly kind: ScalarKind | MessageName;
  /** `packed`: written as one length-delimited run; both forms are read. */
  readonly repeat: 'one' | 'each' | 'packed';
  /** `rare`: an absent list stays absent. `choice`: of a message's choices the last one in the file holds. */
  readonly note?: 'rare' | 'choice';
}

type Kind = FieldSpec['kind'];
const one = (number: number, kind: Kind): FieldSpec => ({ number, kind, repeat: 'one' });
const choice = (number: number, kind: Kind): FieldSpec => ({
  ...one(number, kind),
  note: 'choice',
});
const each = (number: number, kind: Kind): FieldSpec => ({ number, kind, repeat: 'each' });
const rare = (number: number, kind: Kind): FieldSpec => ({ ...each(number, kind), note: 'rare' });
const packed = (number: number, kind: Kind): FieldSpec => ({ number, kind, repeat: 'packed' });

/** Typed so that a field of a message that has no row here does not compile. */
type FieldTable = {
  readonly [M in MessageName]: { readonly [F in keyof Omit<Messages[M], 'unknown'>]-?: FieldSpec };
};

export const FIELDS: FieldTable = {
  StringStringEntryProto: { key: one(1, 'string'), value: one(2, 'string') },
  OperatorSetIdProto: { domain: one(1, 'string'), version: one(2, 'int') },
  DimensionProto: {
    dimValue: choice(1, 'int'),
    dimParam: choice(2, 'string'),
    denotation: one(3, 'string'),
  },
  TensorShapeProto: { dim: each(1, 'DimensionProto') },
  TensorTypeProto: { elemType: one(1, 'int32'), shape: one(2, 'TensorShapeProto') },
  WrappedTypeProto: { elemType: one(1, 'TypeProto') },
  MapTypeProto: { keyType: one(1, 'int32'), valueType: one(2, 'TypeProto') },
  OpaqueTypeProto: { domain: one(1, 'string'), name: one(2, 'string') },
  TypeProto: {
    tensorType: choice(1, 'TensorTypeProto'),
    sequenceType: choice(4, 'WrappedTypeProto'),
    mapType: choice(5, 'MapTypeProto'),
    denotation: one(6, 'string'),
    opaqueType: choice(7, 'OpaqueTypeProto'),
    sparseTensorType: choice(8, 'TensorTypeProto'),
    optionalType: choice(9, 'WrappedTypeProto'),
  },
  ValueInfoProto: {
    name: one(1, 'string'),
    type: one(2, 'TypeProto'),
    docString: one(3, 'string'),
    metadataProps: each(4, 'StringStringEntryProto'),
  },
  SegmentProto: { begin: one(1, 'long'), end: one(2, 'long') },
  TensorProto: {
    dims: each(1, 'int'),
    dataType: one(2, 'int32'),
    segment: one(3, 'SegmentProto'),
    floatData: packed(4, 'float'),
    int32Data: packed(5, 'int32'),
    stringData: each(6, 'bytes'),
    int64Data: packed(7, 'long'),
    name: one(8, 'string'),
    rawData: one(9, 'bytes'),
    doubleData: packed(10, 'double'),
    uint64Data: packed(11, 'ulong'),
    docString: one(12, 'string'),
    externalData: each(13, 'StringStringEntryProto'),
    dataLocation: one(14, 'int32'),
    metadataProps: each(16, 'StringStringEntryProto'),
  },
  SparseTensorProto: {
    values: one(1, 'TensorProto'),
    indices: one(2, 'TensorProto'),
    dims: each(3, 'int'),
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
    tp: one(14, 'TypeProto'),
    typeProtos: rare(15, 'TypeProto'),
    type: one(20, 'int32'),
    refAttrName: one(21, 'string'),
    sparseTensor: one(22, 'SparseTensorProto'),
    sparseTensors: rare(23, 'SparseTensorProto'),
  },
  IntIntListEntryProto: { key: one(1, 'long'), value: each(2, 'long') },
  SimpleShardedDimProto: {
    dimValue: choice(1, 'long'),
    dimParam: choice(2, 'string'),
    numShards: one(3, 'long'),
  },
  ShardedDimProto: { axis: one(1, 'long'), simpleSharding: each(2, 'SimpleShardedDimProto') },
  ShardingSpecProto: {
    tensorName: one(1, 'string'),
    device: each(2, 'long'),
    indexToDeviceGroupMap: each(3, 'IntIntListEntryProto'),
    shardedDim: each(4, 'ShardedDimProto'),
  },
  NodeDeviceConfigurationProto: {
    configurationId: one(1, 'string'),
    shardingSpec: each(2, 'ShardingSpecProto'),
    pipelineStage: one(3, 'int32'),
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
    deviceConfigurations: rare(10, 'NodeDeviceConfigurationProto'),
  },
  TensorAnnotation: {
    tensorName: one(1, 'string'),
    quantParameterTensorNames: each(2, 'StringStringEntryProto'),
  },
  GraphProto: {
    node: each(1, 'NodeProto'),
    name: one(2, 'string'),
    initializer: each(5, 'TensorProto'),
    docString: one(10, 'string'),
    input: each(11, 'ValueInfoProto'),
    output: each(12, 'ValueInfoProto'),
    valueInfo: each(13, 'ValueInfoProto'),
    quantizationAnnotation: rare(14, 'TensorAnnotation'),
    sparseInitializer: rare(15, 'SparseTensorProto'),
    metadataProps: each(16, 'StringStringEntryProto'),
  },
  TrainingInfoProto: {
    initialization: one(1, 'GraphProto'),
    algorithm: one(2, 'GraphProto'),
    initializationBinding: each(3, 'StringStringEntryProto'),
    updateBinding: each(4, 'StringStringEntryProto'),
  },
  DeviceConfigurationProto: {
    name: one(1, 'string'),
    numDevices: one(2, 'int32'),
    device: each(3, 'string'),
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
    trainingInfo: rare(20, 'TrainingInfoProto'),
    functions: each(25, 'FunctionProto'),
    configuration: rare(26, 'DeviceConfigurationProto'),
  },
};
