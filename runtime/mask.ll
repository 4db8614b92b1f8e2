; mask.ll - a vector's first n elements, loaded with zeros for the rest, and stored: what C has no word for.
;
; Linked into gemm.c before that is optimised.  For registers that the processor can mask; n from 0 on, LANES and more are all of them.

define internal <8 x i1> @first_f64_64(i64 %n) alwaysinline {
  %most = call i64 @llvm.umin.i64(i64 %n, i64 8)
  %count = trunc i64 %most to i32
  %one = insertelement <8 x i32> poison, i32 %count, i32 0
  %all = shufflevector <8 x i32> %one, <8 x i32> poison, <8 x i32> zeroinitializer
  %mask = icmp ult <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>, %all
  ret <8 x i1> %mask
}
define void @adc_rt_load_f64_64(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <8 x i1> @first_f64_64(i64 %n)
  %x = call <8 x double> @llvm.masked.load.v8f64.p0(ptr %from, i32 8, <8 x i1> %mask, <8 x double> zeroinitializer)
  store <8 x double> %x, ptr %to, align 8
  ret void
}
define void @adc_rt_store_f64_64(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <8 x i1> @first_f64_64(i64 %n)
  %x = load <8 x double>, ptr %from, align 8
  call void @llvm.masked.store.v8f64.p0(<8 x double> %x, ptr %to, i32 8, <8 x i1> %mask)
  ret void
}
declare <8 x double> @llvm.masked.load.v8f64.p0(ptr, i32, <8 x i1>, <8 x double>)
declare void @llvm.masked.store.v8f64.p0(<8 x double>, ptr, i32, <8 x i1>)

define internal <4 x i1> @first_f64_32(i64 %n) alwaysinline {
  %most = call i64 @llvm.umin.i64(i64 %n, i64 4)
  %count = trunc i64 %most to i32
  %one = insertelement <4 x i32> poison, i32 %count, i32 0
  %all = shufflevector <4 x i32> %one, <4 x i32> poison, <4 x i32> zeroinitializer
  %mask = icmp ult <4 x i32> <i32 0, i32 1, i32 2, i32 3>, %all
  ret <4 x i1> %mask
}
define void @adc_rt_load_f64_32(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <4 x i1> @first_f64_32(i64 %n)
  %x = call <4 x double> @llvm.masked.load.v4f64.p0(ptr %from, i32 8, <4 x i1> %mask, <4 x double> zeroinitializer)
  store <4 x double> %x, ptr %to, align 8
  ret void
}
define void @adc_rt_store_f64_32(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <4 x i1> @first_f64_32(i64 %n)
  %x = load <4 x double>, ptr %from, align 8
  call void @llvm.masked.store.v4f64.p0(<4 x double> %x, ptr %to, i32 8, <4 x i1> %mask)
  ret void
}
declare <4 x double> @llvm.masked.load.v4f64.p0(ptr, i32, <4 x i1>, <4 x double>)
declare void @llvm.masked.store.v4f64.p0(<4 x double>, ptr, i32, <4 x i1>)

define internal <16 x i1> @first_f32_64(i64 %n) alwaysinline {
  %most = call i64 @llvm.umin.i64(i64 %n, i64 16)
  %count = trunc i64 %most to i32
  %one = insertelement <16 x i32> poison, i32 %count, i32 0
  %all = shufflevector <16 x i32> %one, <16 x i32> poison, <16 x i32> zeroinitializer
  %mask = icmp ult <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %all
  ret <16 x i1> %mask
}
define void @adc_rt_load_f32_64(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <16 x i1> @first_f32_64(i64 %n)
  %x = call <16 x float> @llvm.masked.load.v16f32.p0(ptr %from, i32 4, <16 x i1> %mask, <16 x float> zeroinitializer)
  store <16 x float> %x, ptr %to, align 4
  ret void
}
define void @adc_rt_store_f32_64(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <16 x i1> @first_f32_64(i64 %n)
  %x = load <16 x float>, ptr %from, align 4
  call void @llvm.masked.store.v16f32.p0(<16 x float> %x, ptr %to, i32 4, <16 x i1> %mask)
  ret void
}
declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, i32, <16 x i1>, <16 x float>)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, i32, <16 x i1>)

define internal <8 x i1> @first_f32_32(i64 %n) alwaysinline {
  %most = call i64 @llvm.umin.i64(i64 %n, i64 8)
  %count = trunc i64 %most to i32
  %one = insertelement <8 x i32> poison, i32 %count, i32 0
  %all = shufflevector <8 x i32> %one, <8 x i32> poison, <8 x i32> zeroinitializer
  %mask = icmp ult <8 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7>, %all
  ret <8 x i1> %mask
}
define void @adc_rt_load_f32_32(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <8 x i1> @first_f32_32(i64 %n)
  %x = call <8 x float> @llvm.masked.load.v8f32.p0(ptr %from, i32 4, <8 x i1> %mask, <8 x float> zeroinitializer)
  store <8 x float> %x, ptr %to, align 4
  ret void
}
define void @adc_rt_store_f32_32(ptr %to, ptr %from, i64 %n) alwaysinline {
  %mask = call <8 x i1> @first_f32_32(i64 %n)
  %x = load <8 x float>, ptr %from, align 4
  call void @llvm.masked.store.v8f32.p0(<8 x float> %x, ptr %to, i32 4, <8 x i1> %mask)
  ret void
}
declare <8 x float> @llvm.masked.load.v8f32.p0(ptr, i32, <8 x i1>, <8 x float>)
declare void @llvm.masked.store.v8f32.p0(<8 x float>, ptr, i32, <8 x i1>)
declare i64 @llvm.umin.i64(i64, i64)
