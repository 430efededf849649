#!/usr/bin/env bash
# Policies on whole clips: work, time and error, for four networks.
#
# Run: SACCADE_DATA=/path/to/data taskset -c 1 benchmarks/policies.sh [FOLDER] [NETWORK...]
# FOLDER gets policies-NETWORK.json and .png, benchmarks/rows by default; NETWORK is one of fastestdet-352x352,
# fastestdet-384x640, ultraface-240x320 and cifar10-resnet20-192x320, all of them by default, and cifar100-resnet18-384x640,
# whose weights, named by RESNET18, are trained first (75 minutes on one core):
#   saccade train cifar100-short --set network=resnet18 --set image_size=64 --set crop_padding=8 --set evaluate_every=0 \
#       --budget 75 --data CIFAR100 --output OUT     (the weights are OUT/last.safetensors)
# The environment variables POLICIES and PEERS change what is compared.
# Cost: on one core four minutes for each detector at its own size, 10 at 384x640, 20 for ResNet-20, 40 for ResNet-18.
# Needs data/video and models in the folder that SACCADE_DATA names.
set -euo pipefail
cd "$(dirname "$0")"

: "${SACCADE_DATA:?name the folder that holds data/video and models}"
policies="${POLICIES:-exact,near,balanced,frugal,hold:2,hold:3,hold:4,gate:1.5,gate:2,gate:3,gate:4,jpeg:90}"
peers="${PEERS:-onnxruntime,openvino,ncnn}"
folder="${1:-rows}"
[ $# -gt 0 ] && shift
networks=("$@")
[ ${#networks[@]} -gt 0 ] || networks=(fastestdet-352x352 fastestdet-384x640 ultraface-240x320 cifar10-resnet20-192x320)
clips=("$SACCADE_DATA"/data/video/{asl-sister.mkv,bgslib-video.avi,bottle-detection.mp4,car-detection.mp4})
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

bench() {
    local name="$1"
    shift
    saccade bench policies "${clips[@]}" --policies "$policies" --peers "$peers" --threads 1 \
        --json "$folder/policies-$name.json" --plot "$folder/policies-$name.png" "$@"
}

for network in "${networks[@]}"; do
    case "$network" in
        fastestdet-352x352)
            bench "$network" --model "$SACCADE_DATA/models/fastestdet-coco.onnx" --channels bgr ;;
        fastestdet-384x640)
            python resized_fastestdet.py "$SACCADE_DATA/models/fastestdet-coco.onnx" 384x640 "$scratch/fastestdet-384x640.onnx"
            bench "$network" --model "$scratch/fastestdet-384x640.onnx" --channels bgr ;;
        ultraface-240x320)
            bench "$network" --model "$SACCADE_DATA/models/ultraface-rfb320.onnx" --scale 1 --mean 127 --std 128 ;;
        cifar10-resnet20-192x320)
            bench "$network" --model networks:cifar_resnet20 --size 192x320 --metric top1 \
                --weights "$SACCADE_DATA/models/cifar10-resnet20-12fca82f.th" ;;
        cifar100-resnet18-384x640)
            bench "$network" --model networks:cifar100_resnet18 --size 384x640 --metric top1 \
                --mean 0.5071,0.4865,0.4409 --std 0.2673,0.2564,0.2762 \
                --weights "${RESNET18:?name the trained weights of ResNet-18}" ;;
        *)
            echo "unknown network '$network'; known: fastestdet-352x352, fastestdet-384x640, ultraface-240x320," \
                "cifar10-resnet20-192x320, cifar100-resnet18-384x640" >&2
            exit 2 ;;
    esac
done
