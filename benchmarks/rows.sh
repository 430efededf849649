#!/usr/bin/env bash
# Makes every row of the engine in one go, for a machine that is otherwise idle.
# Run: benchmarks/rows.sh benchmarks/rows/zen3 [PROCESSOR]
# Cost: 15 to 20 minutes. One thread is pinned to PROCESSOR (0 by default); threads.py takes all of them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:?a folder for the rows, such as benchmarks/rows/zen3}
processor=${2:-0}
mkdir -p "$folder"
echo "load before: $(cut -d' ' -f1-3 /proc/loadavg)"

network() {
    taskset -c "$processor" saccade bench network --model "torchvision:$1" --size 384x640 --threads 1 --rounds "$2" \
        --peers eager,compile,onnxruntime,openvino,ncnn --active 1,0.5,0.2,0.1,0.05,0.02,0 \
        --json "$folder/network-$1.json"
}

network resnet18 15
network resnet50 10
network mobilenet_v2 30
network mobilenet_v3_large 20
network efficientnet_b0 10
taskset -c "$processor" python benchmarks/kernels.py "$folder/kernels.json"
taskset -c "$processor" python benchmarks/small_network.py "$folder/small-network.json"
python benchmarks/threads.py "$folder/threads.json"
echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
