// The messages of an ONNX file (onnx.proto, IR version 14) as types; field-table.ts numbers their fields. Names are those of
// onnx.proto in protobuf's JSON spelling. Lists that almost no file has are absent where they are empty; fields that are not
// listed here survive as raw bytes in `unknown`.

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

/** TypeProto.Sequence and TypeProto.Optional. */
export interface WrappedTypeProto extends Message {
  readonly elemType?: TypeProto;
}

export interface MapTypeProto extends Message {
  readonly keyType?: number;
  readonly valueType?: TypeProto;
}

export interface OpaqueTypeProto extends Message {
  readonly domain?: string;
  readonly name?: string;
}

/** One of its types is set. */
export interface TypeProto extends Message {
  readonly tensorType?: TensorTypeProto;
  readonly sequenceType?: WrappedTypeProto;
  readonly mapType?: MapTypeProto;
  readonly denotation?: string;
  readonly opaqueType?: OpaqueTypeProto;
  readonly sparseTensorType?: TensorTypeProto;
  readonly optionalType?: WrappedTypeProto;
}

export interface ValueInfoProto extends Message {
  readonly name?: string;
  readonly type?: TypeProto;
  readonly docString?: string;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface SegmentProto extends Message {
  readonly begin?: Long;
  readonly end?: Long;
}

/** Floats of a file stay as compact and as exact as they are stored. */
export type FloatList = ArrayLike<number> & Iterable<number>;

export interface TensorProto extends Message {
  readonly dims: readonly number[];
  readonly dataType?: number;
  readonly segment?: SegmentProto;
  readonly floatData: FloatList;
  readonly int32Data: readonly number[];
  readonly stringData: readonly Uint8Array[];
  readonly int64Data: readonly Long[];
  readonly name?: string;
  /** A view of the file's bytes, little-endian and at any alignment: copy before viewing as other than bytes. */
  readonly rawData?: Uint8Array;
  readonly doubleData: FloatList;
  readonly uint64Data: readonly Long[];
  readonly docString?: string;
  readonly externalData: readonly StringStringEntryProto[];
  readonly dataLocation?: number;
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface SparseTensorProto extends Message {
  readonly values?: TensorProto;
  readonly indices?: TensorProto;
  readonly dims: readonly number[];
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
  readonly tp?: TypeProto;
  readonly typeProtos?: readonly TypeProto[];
  readonly type?: number;
  readonly refAttrName?: string;
  readonly sparseTensor?: SparseTensorProto;
  readonly sparseTensors?: readonly SparseTensorProto[];
}

export interface IntIntListEntryProto extends Message {
  readonly key?: Long;
  readonly value: readonly Long[];
}

export interface SimpleShardedDimProto extends Message {
  readonly dimValue?: Long;
  readonly dimParam?: string;
  readonly numShards?: Long;
}

export interface ShardedDimProto extends Message {
  readonly axis?: Long;
  readonly simpleSharding: readonly SimpleShardedDimProto[];
}

export interface ShardingSpecProto extends Message {
  readonly tensorName?: string;
  readonly device: readonly Long[];
  readonly indexToDeviceGroupMap: readonly IntIntListEntryProto[];
  readonly shardedDim: readonly ShardedDimProto[];
}

export interface NodeDeviceConfigurationProto extends Message {
  readonly configurationId?: string;
  readonly shardingSpec: readonly ShardingSpecProto[];
  readonly pipelineStage?: number;
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
  readonly deviceConfigurations?: readonly NodeDeviceConfigurationProto[];
}

export interface TensorAnnotation extends Message {
  readonly tensorName?: string;
  readonly quantParameterTensorNames: readonly StringStringEntryProto[];
}

export interface GraphProto extends Message {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly docString?: string;
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  readonly quantizationAnnotation?: readonly TensorAnnotation[];
  readonly sparseInitializer?: readonly SparseTensorProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
}

export interface TrainingInfoProto extends Message {
  readonly initialization?: GraphProto;
  readonly algorithm?: GraphProto;
  readonly initializationBinding: readonly StringStringEntryProto[];
  readonly updateBinding: readonly StringStringEntryProto[];
}

export interface DeviceConfigurationProto extends Message {
  readonly name?: string;
  readonly numDevices?: number;
  readonly device: readonly string[];
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
  readonly trainingInfo?: readonly TrainingInfoProto[];
  readonly functions: readonly FunctionProto[];
  readonly configuration?: readonly DeviceConfigurationProto[];
}
