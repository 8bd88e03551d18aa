/* How an exported function enters Python: stands before the functions that cffi generates, and in the way of their
 * calls. */

enum { CUDA_ERROR_DEINITIALIZED = 4 };

/* PyCUDA's destructors call the driver at any moment: while a Python exception is on its way (it must survive the
 * call, and the call must not see it), and after the interpreter has ended. */
static void fuseproof_call_python(struct _cffi_externpy_s *function, char *arguments)
{
    PyGILState_STATE state;
    PyObject *type, *value, *traceback;

    if (!Py_IsInitialized()) {
        *(int *)arguments = CUDA_ERROR_DEINITIALIZED; /* the result's place */
        return;
    }
    state = PyGILState_Ensure();
    PyErr_Fetch(&type, &value, &traceback);
    _cffi_call_python(function, arguments);
    PyErr_Restore(type, value, traceback);
    PyGILState_Release(state);
}

#define _cffi_call_python fuseproof_call_python
