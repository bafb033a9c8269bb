"""The node tests of ONNX that tests/onnx/test_node_cases.py runs, by how their names begin."""

FILES = """
topk scatterelements scatternd scatter hardmax unique compress nonmaxsuppression reversesequence
cumprod tensorscatter bitshift bitcast bitwiseand bitwiseor bitwisexor bitwisenot det gridsample
roialign col2im maxunpool dft melweightmatrix quantizelinear dequantizelinear matmulinteger
stft dynamicquantizelinear convinteger qlinearmatmul qlinearconv tan asin acos atan sinh cosh
asinh acosh atanh lppool maxpool averagepool convtranspose conv
attention resize deformconv einsum
softmax_cross_entropy_loss rotaryembedding swiglu center_crop_pad affinegrid
linear_attention causal_conv_with_state lstm hannwindow hammingwindow blackmanwindow
scan batch_normalization
""".split()
